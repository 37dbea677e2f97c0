import Foundation

/// What the SDK is told at its start.
public struct Configuration: Sendable {
    /// `wss://HOST[:PORT]/PATH`.
    public var gateway: URL
    /// Names this installation, the same at every start; nil: a new one each time, for trials. Keep it in the keychain or in
    /// `UserDefaults`.
    public var installation: UUID?
    /// Where pushes for this app go. `DoorstepCallKit` sets it by itself.
    public var push: PushTarget?
    /// Microphone and speaker. `DoorstepCallKit` brings a device for them.
    public var audio: Audio
    /// Keys (`sha256//BASE64`, of the certificate's public key) of which the gateway must have one; empty: any.
    public var pins: [String]
    /// The pinned key is identity enough: for a gateway with a certificate of its own making.
    public var pinsSuffice: Bool
    /// Whether customers' calls are to reach this device from the start; ``Doorstep/setReachable(_:)`` changes it.
    public var isReachable: Bool
    /// Asks the company's backend for a token of the courier. May be slow and may throw: it is asked again after a while, unless it
    /// throws ``SignedOutError``. Never asked twice at the same time.
    public var tokens: @Sendable () async throws -> String

    public init(
        gateway: URL, installation: UUID? = nil, push: PushTarget? = nil, audio: Audio = .silence, pins: [String] = [],
        pinsSuffice: Bool = false, isReachable: Bool = true, tokens: @escaping @Sendable () async throws -> String
    ) {
        self.gateway = gateway
        self.installation = installation
        self.push = push
        self.audio = audio
        self.pins = pins
        self.pinsSuffice = pinsSuffice
        self.isReachable = isReachable
        self.tokens = tokens
    }
}

/// Where pushes for this app go (RFC 8599).
public struct PushTarget: Equatable, Sendable {
    /// `apns` or `fcm`.
    public let provider: String
    /// Apple: `TEAM.BUNDLE.voip`.
    public let param: String
    /// The device's token. Not for logs.
    public let token: String

    public init(provider: String, param: String, token: String) {
        self.provider = provider
        self.param = param
        self.token = token
    }

    /// A VoIP push of Apple's: `token` is `PKPushCredentials.token`, `team` the team's id, `bundle` the app's bundle id.
    public static func apns(team: String, bundle: String, token: Data) -> Self {
        let hexadecimal = token.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        return Self(provider: "apns", param: "\(team).\(bundle).voip", token: hexadecimal)
    }
}

extension PushTarget: CustomStringConvertible, CustomReflectable {
    public var description: String { "PushTarget(provider: \(provider), param: \(param))" }

    /// `dump` shows no token either.
    public var customMirror: Mirror { Mirror(self, children: ["provider": provider, "param": param]) }
}
