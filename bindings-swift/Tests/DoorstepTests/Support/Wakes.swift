import Doorstep
import Foundation

/// A real push-service before a stand-in for Apple, whose lines are the pushes that reach the phone.
final class Wakes: @unchecked Sendable {
    /// Where the app's pushes go.
    let target: PushTarget
    /// The stand-in for Apple.
    let apple: Program

    private static let key = "the gateway's key at push-service"
    private let service: Program
    private let api: String

    init(in folder: URL) async throws {
        let keys = folder.appendingPathComponent("providers")
        try FileManager.default.createDirectory(at: keys, withIntermediateDirectories: true)
        apple = try Program("doorstep-push-fakes", ["--dir", keys.path])
        let ready = try await apple.event("ready")
        func text(_ names: (String, String)) throws -> String {
            guard let text = ready[names.0, names.1] else { throw TooLate(description: "no \(names) of Apple's") }
            return text
        }
        let team = try text(("apns", "team"))
        let hash = try Program.output("doorstep-gateway", ["hash-key"], input: Self.key)
        let configuration = """
            [api]
            listen = "127.0.0.1:0"
            keys = ["\(hash.filter { $0.isHexDigit }.suffix(64))"]
            [store]
            path = "\(folder.appendingPathComponent("push.db").path)"
            [apns]
            key_file = "\(try text(("apns", "key_file")))"
            key_id = "\(try text(("apns", "key_id")))"
            team = "\(team)"
            host = "\(try text(("apns", "host")))"
            ca_file = "\(ready["ca_file"] ?? "")"
            """
        let file = folder.appendingPathComponent("push.toml")
        try Data(configuration.utf8).write(to: file)
        service = try Program("doorstep-push", ["--config", file.path, "--ready-json"])
        guard let api = try await service.line()["api"] else {
            throw TooLate(description: "push-service's ready line names no api")
        }
        self.api = api
        target = .apns(team: team, bundle: "com.example.courier", token: Data((0..<32).map { UInt8($0) }))
    }

    var gatewayLines: String {
        """
        [push]
        url = "\(api)"
        key = "\(Self.key)"
        """
    }

    /// Waits until push-service has heard of a device of the courier's; it has no way to tell by itself.
    func untilKnown(courier: String) async throws {
        while true {
            let answer = try await http("GET", "\(api)/v1/users/\(courier)/devices", key: Self.key)
            if answer.status == 200, String(decoding: answer.body, as: UTF8.self).contains("apns") { return }
            try await Task.sleep(nanoseconds: 20_000_000)
        }
    }

    func stop() {
        service.stop()
        apple.stop()
    }
}
