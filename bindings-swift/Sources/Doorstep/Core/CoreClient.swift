internal import DoorstepCore
import Foundation

/// The library, in this layer's words.
final class CoreClient: ClientCore {
    private let client: DoorstepCore.Client
    /// The library's side of the audio device holds its exchange, and that only looks at the port: it lives here.
    private let port: DoorstepCore.AudioPort?

    convenience init(_ configuration: Configuration) throws {
        let (config, port) = try Self.config(configuration)
        self.init(client: try translated { try DoorstepCore.Client(config: config) }, port: port)
    }

    private init(client: DoorstepCore.Client, port: DoorstepCore.AudioPort?) {
        self.client = client
        self.port = port
    }

    static func woken(
        _ configuration: Configuration, by push: PushPayload
    ) throws -> (CoreClient, any PushFollowing) {
        let (config, port) = try config(configuration)
        let woken = try translated { try DoorstepCore.startWoken(config: config, push: .json(bytes: push.json)) }
        return (CoreClient(client: woken.client, port: port), CorePush(follower: woken.push))
    }

    var connection: ConnectionState { .init(client.connection()) }
    var reachability: Reachability { .init(client.registration()) }

    func contactCustomer(_ order: OrderID) async throws -> any CallCore {
        CoreCall(call: try await translatedAsync { try await client.contactCustomer(order: order.rawValue) })
    }

    func call(_ id: UInt64) -> (any CallCore)? { client.call(id: id).map(CoreCall.init) }

    func handlePush(_ push: PushPayload) throws -> any PushFollowing {
        CorePush(follower: try translated { try client.handlePush(push: .json(bytes: push.json)) })
    }

    func setPushTarget(_ target: PushTarget?) async throws {
        try await translatedAsync { try await client.setPushTarget(target: target.map(DoorstepCore.PushTarget.init)) }
    }

    func networkChanged() async throws { try await translatedAsync { try await client.networkChanged() } }

    func setBackground(_ on: Bool) async throws { try await translatedAsync { try await client.setBackground(on: on) } }

    func setReachable(_ on: Bool) async throws { try await translatedAsync { try await client.setReachable(on: on) } }

    func shutDown() async throws { try await translatedAsync { try await client.shutDown() } }

    func beginLeave() {
        // Without threads there is nothing that runs and would have to end.
        try? client.beginLeave()
    }

    func subscribe(_ listener: @escaping @Sendable (CoreEvent) -> Void) throws -> @Sendable () -> Void {
        let subscription = try translated { try client.subscribe(listener: Listener(tell: listener)) }
        return { subscription.stop() }
    }

    private static func config(
        _ from: Configuration
    ) throws -> (DoorstepCore.ClientConfig, DoorstepCore.AudioPort?) {
        var port: DoorstepCore.AudioPort?
        let audio: DoorstepCore.AudioChoice
        switch from.audio {
        case .silence: audio = .silence
        case .tone(let hertz): audio = .tone(hz: hertz)
        case .files(let play, let record): audio = .files(play: play?.path, record: record?.path)
        case .device(let device):
            let made = try CoreAudioControl.port(for: device)
            port = made
            audio = .port(port: made)
        }
        let config = DoorstepCore.ClientConfig(
            gateway: from.gateway.absoluteString, tokens: Tokens(ask: from.tokens),
            instance: from.installation?.uuidString.lowercased(), push: from.push.map(DoorstepCore.PushTarget.init),
            audio: audio, pins: from.pins, pinsSuffice: from.pinsSuffice, reachable: from.isReachable)
        return (config, port)
    }
}

/// One call of the library's.
struct CoreCall: CallCore {
    let call: DoorstepCore.Call

    var facts: CallFacts { .init(call.snapshot()) }
    var end: CallEnd? { call.end().map(CallEnd.init) }

    func answer() async throws { try await translatedAsync { try await call.answer() } }
    func reject(busy: Bool) async throws { try await translatedAsync { try await call.reject(busy: busy) } }
    func hangUp() async throws { try await translatedAsync { try await call.hangUp() } }
    func hold(_ on: Bool) async throws { try await translatedAsync { try await call.hold(on: on) } }
    func mute(_ on: Bool) async throws { try await translatedAsync { try await call.mute(on: on) } }
    func sendDTMF(_ digits: String) async throws { try await translatedAsync { try await call.sendDtmf(digits: digits) } }
    func transfer(to order: OrderID) async throws {
        try await translatedAsync { try await call.transferToOrder(order: order.rawValue) }
    }
}

private struct CorePush: PushFollowing {
    let follower: DoorstepCore.PushFollower

    func result() async throws -> PushResult {
        .init(try await translatedAsync { try await follower.result() })
    }
}

private final class Listener: DoorstepCore.EventListener {
    private let tell: @Sendable (CoreEvent) -> Void

    init(tell: @escaping @Sendable (CoreEvent) -> Void) {
        self.tell = tell
    }

    func onEvent(event: DoorstepCore.Event) {
        if let event = CoreEvent(event) { tell(event) }
    }
}

private final class Tokens: DoorstepCore.TokenProvider {
    private let ask: @Sendable () async throws -> String

    init(ask: @escaping @Sendable () async throws -> String) {
        self.ask = ask
    }

    func token() async throws -> DoorstepCore.AccessToken {
        do {
            return DoorstepCore.AccessToken(text: try await ask(), expiresIn: nil)
        } catch is SignedOutError {
            throw DoorstepCore.TokenError.Denied
        } catch {
            throw DoorstepCore.TokenError.Unavailable
        }
    }
}
