// Which app this is for Apple: the topic of its pushes, and which of Apple's two services knows its tokens.

import Foundation

/// Apple's services for pushes. A token of one is unknown to the other; the gateway's `push.environment` says which it uses.
public enum PushEnvironment: Sendable {
    /// Apps from TestFlight and the App Store.
    case production
    /// Apps that Xcode has put on the device.
    case sandbox
}

/// What the app's bundle tells.
struct AppIdentity {
    /// In Info.plist: `$(AppIdentifierPrefix)`, which Xcode fills in as `TEAM.`.
    static let teamKey = "DoorstepTeam"

    let bundle: String?
    let team: String?
    let environment: PushEnvironment

    /// `team`: told by the app; else Info.plist has it.
    init(bundle: Bundle = .main, team: String? = nil) {
        self.bundle = bundle.bundleIdentifier
        let written = team ?? bundle.object(forInfoDictionaryKey: Self.teamKey) as? String
        self.team = written.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ". ")) }.flatMap { $0.isEmpty ? nil : $0 }
        let profile = bundle.url(forResource: "embedded", withExtension: "mobileprovision")
        environment = Self.environment(of: profile.flatMap { try? Data(contentsOf: $0) })
    }

    init(bundle: String?, team: String?, environment: PushEnvironment) {
        self.bundle = bundle
        self.team = team
        self.environment = environment
    }

    /// RFC 8599: `TEAM.BUNDLE.voip`.
    var topic: String? {
        guard let team, let bundle else { return nil }
        return "\(team).\(bundle).voip"
    }

    /// The profile is a signed property list; the App Store takes it out. The list is readable text between its signature's bytes.
    static func environment(of profile: Data?) -> PushEnvironment {
        #if targetEnvironment(simulator)
            return .sandbox
        #else
            guard let profile,
                let begin = profile.range(of: Data("<plist".utf8)),
                let end = profile.range(of: Data("</plist>".utf8), in: begin.upperBound..<profile.endIndex),
                let list = try? PropertyListSerialization.propertyList(
                    from: profile[begin.lowerBound..<end.upperBound], format: nil) as? [String: Any],
                let rights = list["Entitlements"] as? [String: Any]
            else { return .production }
            return rights["aps-environment"] as? String == "development" ? .sandbox : .production
        #endif
    }
}
