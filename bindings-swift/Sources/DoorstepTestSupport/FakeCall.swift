import Doorstep

/// One call of a ``FakeDoorstep``: what the customer and the network do with it, and what the app has done. What no longer makes sense
/// (a customer who answers a call that is over) does nothing.
public final class FakeCall: Sendable {
    /// What an app can do with a call.
    public enum Action: Equatable, Sendable {
        case answer
        case reject(busy: Bool)
        case hangUp
        case hold(Bool)
        case mute(Bool)
        case sendDTMF(String)
        case transfer(OrderID)
    }

    /// Its number: that of the app's ``Call/id``.
    public let id: UInt64
    private let core: FakeCore

    init(id: UInt64, core: FakeCore) {
        self.id = id
        self.core = core
    }

    /// Where it stands.
    public var state: CallState { core.state(id) }

    /// The order that it is about.
    public var order: OrderID? { core.facts(id)?.order }

    /// What the app has done with it, in order, what was refused left out.
    public var actions: [Action] { core.actions(id) }

    /// The customer's phone rings.
    public func ring() {
        core.change(id) { if $0 == .connecting { $0 = .ringing } }
    }

    /// The customer answers.
    public func answer() { core.customerAnswers(id) }

    /// The customer hangs up.
    public func hangUp() { end(.hungUpThere) }

    /// It ends, for any reason there is; with the reason's own words, unless the gateway has others.
    public func end(_ reason: EndReason, text: String? = nil) { core.end(id, reason, text: text) }

    /// The customer holds the courier, or goes on.
    public func hold(_ on: Bool) {
        core.change(id) { state in
            if case .active(let muted, let held, _) = state {
                state = .active(muted: muted, held: held, heldByFarSide: on)
            }
        }
    }

    /// The connection is lost during the call, or is there again.
    public func loseConnection() {
        core.change(id) { if case .active = $0 { $0 = .reconnecting } }
    }

    /// After ``loseConnection()``.
    public func regainConnection() { core.regain(id) }

    /// The customer presses keys.
    public func press(_ digits: String) {
        for digit in digits { core.tell(id, .digit(id: id, digit)) }
    }

    /// A measurement comes.
    public func measure(packetsReceived: UInt64, packetsLost: UInt64) {
        let quality = Call.Quality(
            packetsReceived: packetsReceived, packetsLost: packetsLost, packetsSent: packetsReceived, jitter: 0,
            roundTrip: nil, concealedSamples: 0)
        core.tell(id, .quality(id: id, quality))
    }
}
