/// What this layer stands on, in its own words: the library, or a core that follows a test's script (`DoorstepTestSupport`).
package protocol ClientCore: Sendable {
    var connection: ConnectionState { get }
    var reachability: Reachability { get }

    func contactCustomer(_ order: OrderID) async throws -> any CallCore
    /// The call of this number, unless it is over.
    func call(_ id: UInt64) -> (any CallCore)?
    func handlePush(_ push: PushPayload) throws -> any PushFollowing
    func setPushTarget(_ target: PushTarget?) async throws
    func networkChanged() async throws
    func setBackground(_ on: Bool) async throws
    func setReachable(_ on: Bool) async throws
    func shutDown() async throws
    /// Ends all calls in the background, but stays registered.
    func beginLeave()
}

/// Tells a listener what happens, in order and one at a time, until the returned closure is called. Once for each core.
package typealias Subscribe = (_ listener: @escaping @Sendable (CoreEvent) -> Void) throws -> @Sendable () -> Void

/// One call of a ``ClientCore``.
package protocol CallCore: Sendable {
    var facts: CallFacts { get }
    /// How it ended, if it has.
    var end: CallEnd? { get }

    func answer() async throws
    func reject(busy: Bool) async throws
    func hangUp() async throws
    func hold(_ on: Bool) async throws
    func mute(_ on: Bool) async throws
    func sendDTMF(_ digits: String) async throws
    func transfer(to order: OrderID) async throws
}

/// A push that is followed.
package protocol PushFollowing: Sendable {
    func result() async throws -> PushResult
}

/// What came of a push.
package enum PushResult: Sendable {
    case call(id: UInt64, known: Bool)
    case noCall(EndReason)
}

/// All that is known of a call.
package struct CallFacts: Sendable {
    package var id: UInt64
    /// The gateway's name for it.
    package var callID: String?
    package var direction: Call.Direction
    package var order: OrderID?
    package var label: String?
    package var state: CallState

    package init(
        id: UInt64, callID: String?, direction: Call.Direction, order: OrderID?, label: String?, state: CallState
    ) {
        self.id = id
        self.callID = callID
        self.direction = direction
        self.order = order
        self.label = label
        self.state = state
    }
}

/// What happened.
package enum CoreEvent: Sendable {
    case connection(ConnectionState)
    case reachability(Reachability)
    case incoming(id: UInt64)
    case changed(id: UInt64, CallState)
    case digit(id: UInt64, Character)
    case quality(id: UInt64, Call.Quality)
    /// The last of a call.
    case ended(id: UInt64, CallEnd)
    case connectFailed(text: String)
    case firstAudio(id: UInt64)
    case transfer(id: UInt64, TransferProgress)
    case refused(id: UInt64, DoorstepError)
    case push(callID: String?, PushResult)
    /// This reader was so slow that events are gone.
    case lagged(missed: UInt64)
    /// The last of all.
    case closed
}
