import Doorstep
import Foundation

/// The core of a ``FakeDoorstep``: states and events as the library's, and nothing behind them.
final class FakeCore: ClientCore {
    private struct Held {
        var facts: CallFacts
        var end: CallEnd?
        var isMuted = false
        var actions: [FakeCall.Action] = []
    }

    private struct State {
        var listener: (@Sendable (CoreEvent) -> Void)?
        var connection: ConnectionState
        var reachability: Reachability
        var refusal: DoorstepError?
        var calls: [UInt64: Held] = [:]
        var next: UInt64 = 1
        var isInBackground = false
        var networkChanges = 0
        var pushTarget: PushTarget?
        var isSignedOut = false
        var isLeft = false
    }

    let placed: AsyncStream<FakeCall>
    private let tellPlaced: AsyncStream<FakeCall>.Continuation
    private let state: Locked<State>
    /// Held while something changes and is told, so that all is told in order; the listener may ask meanwhile.
    private let order = NSLock()

    init(connection: ConnectionState, reachability: Reachability) {
        state = Locked(State(connection: connection, reachability: reachability))
        (placed, tellPlaced) = AsyncStream.makeStream(of: FakeCall.self, bufferingPolicy: .bufferingNewest(32))
    }

    // MARK: What the test sees and does

    var calls: [FakeCall] { state.with { $0.calls.keys.sorted() }.map { FakeCall(id: $0, core: self) } }
    var isInBackground: Bool { state.with { $0.isInBackground } }
    var networkChanges: Int { state.with { $0.networkChanges } }
    var pushTarget: PushTarget? { state.with { $0.pushTarget } }
    var isSignedOut: Bool { state.with { $0.isSignedOut } }

    func facts(_ id: UInt64) -> CallFacts? { state.with { $0.calls[id]?.facts } }
    func actions(_ id: UInt64) -> [FakeCall.Action] { state.with { $0.calls[id]?.actions ?? [] } }
    func state(_ id: UInt64) -> CallState { facts(id)?.state ?? .connecting }
    func end(of id: UInt64) -> CallEnd? { state.with { $0.calls[id]?.end } }

    func set(connection: ConnectionState) {
        act { state in
            state.connection = connection
            return [.connection(connection)]
        }
    }

    func set(reachability: Reachability) {
        act { state in
            state.reachability = reachability
            return [.reachability(reachability)]
        }
    }

    func refuseCalls(with error: DoorstepError?) { state.with { $0.refusal = error } }

    @discardableResult
    func ring(callID: String, order: OrderID?, label: String?) -> FakeCall {
        let id = actWithResult { state in
            let id = Self.add(
                CallFacts(
                    id: 0, callID: callID, direction: .incoming, order: order, label: label, state: .incoming),
                to: &state)
            return (id, [.incoming(id: id)])
        }
        return FakeCall(id: id, core: self)
    }

    func change(_ id: UInt64, _ body: (inout CallState) -> Void) {
        act { state in Self.change(id, in: &state, body) }
    }

    func customerAnswers(_ id: UInt64) {
        act { state in
            let isMuted = state.calls[id]?.isMuted ?? false
            return Self.change(id, in: &state) { state in
                if state == .connecting || state == .ringing { state = .talking(muted: isMuted) }
            }
        }
    }

    func regain(_ id: UInt64) {
        act { state in
            let isMuted = state.calls[id]?.isMuted ?? false
            return Self.change(id, in: &state) { if $0 == .reconnecting { $0 = .talking(muted: isMuted) } }
        }
    }

    func end(_ id: UInt64, _ reason: EndReason, text: String? = nil) {
        act { state in Self.end(id, in: &state, CallEnd(reason: reason, text: text)) }
    }

    func tell(_ id: UInt64, _ event: CoreEvent) {
        act { state in state.calls[id]?.end == nil ? [event] : [] }
    }

    // MARK: What the app does with a call

    /// Notes the action, unless `body` refuses it.
    func perform(
        _ action: FakeCall.Action, on id: UInt64, _ body: (inout CallState, inout Bool) throws -> EndReason? = { _, _ in nil }
    ) throws {
        try act { state in
            guard !state.isLeft else { throw DoorstepError.shutDown }
            guard var held = state.calls[id], held.end == nil else { throw DoorstepError.callOver }
            var next = held.facts.state
            let end = try body(&next, &held.isMuted)
            held.actions.append(action)
            state.calls[id] = held
            if let end { return Self.end(id, in: &state, CallEnd(reason: end)) }
            return Self.change(id, in: &state) { $0 = next }
        }
    }

    // MARK: ClientCore

    var connection: ConnectionState { state.with { $0.connection } }
    var reachability: Reachability { state.with { $0.reachability } }

    func contactCustomer(_ order: OrderID) async throws -> any CallCore {
        let id = try state.with { state in
            if state.isLeft { throw DoorstepError.shutDown }
            if let refusal = state.refusal { throw refusal }
            return Self.add(
                CallFacts(
                    id: 0, callID: nil, direction: .outgoing, order: order, label: nil, state: .connecting),
                to: &state)
        }
        tellPlaced.yield(FakeCall(id: id, core: self))
        return FakeCallCore(id: id, core: self)
    }

    func call(_ id: UInt64) -> (any CallCore)? {
        let isThere = state.with { $0.calls[id].map { $0.end == nil } ?? false }
        return isThere ? FakeCallCore(id: id, core: self) : nil
    }

    func handlePush(_ push: PushPayload) throws -> any PushFollowing {
        let fields = (try? JSONSerialization.jsonObject(with: push.json)) as? [String: Any] ?? [:]
        guard let name = fields["call"] as? String else { return Followed(outcome: .noCall(.protocolError)) }
        if let known = state.with({ $0.calls.values.first { $0.facts.callID == name } }) {
            if let end = known.end { return Followed(outcome: .noCall(end.reason)) }
            return Followed(outcome: .call(id: known.facts.id, known: true))
        }
        if let expires = fields["expires_at"] as? Double, Date().timeIntervalSince1970 * 1000 > expires {
            return Followed(outcome: .noCall(.expired))
        }
        let call = ring(
            callID: name, order: (fields["order"] as? String).map { OrderID($0) }, label: fields["label"] as? String)
        return Followed(outcome: .call(id: call.id, known: false))
    }

    func setPushTarget(_ target: PushTarget?) async throws { try open { $0.pushTarget = target } }
    func networkChanged() async throws { try open { $0.networkChanges += 1 } }
    func setReachable(_ on: Bool) async throws {
        try open { _ in }
        set(reachability: on ? .reachable : .off)
    }

    func setBackground(_ on: Bool) async throws { try open { $0.isInBackground = on } }

    func shutDown() async throws {
        act { state in
            state.isSignedOut = true
            return Self.leave(&state) + [.closed]
        }
    }

    func beginLeave() {
        act { state in Self.leave(&state) }
        tellPlaced.finish()
    }

    func subscribe(_ listener: @escaping @Sendable (CoreEvent) -> Void) -> @Sendable () -> Void {
        state.with { $0.listener = listener }
        return { [self] in state.with { $0.listener = nil } }
    }

    // MARK: How it is done

    private func open(_ body: (inout State) -> Void) throws {
        try state.with { state in
            if state.isLeft { throw DoorstepError.shutDown }
            body(&state)
        }
    }

    private func act(_ body: (inout State) throws -> [CoreEvent]) rethrows {
        try actWithResult { state in ((), try body(&state)) }
    }

    /// Changes the state, then tells of it.
    private func actWithResult<Result>(_ body: (inout State) throws -> (Result, [CoreEvent])) rethrows -> Result {
        order.lock()
        defer { order.unlock() }
        let (result, events, listener) = try state.with { state in
            let (result, events) = try body(&state)
            return (result, events, state.listener)
        }
        for event in events { listener?(event) }
        return result
    }

    private static func add(_ facts: CallFacts, to state: inout State) -> UInt64 {
        var facts = facts
        facts.id = state.next
        state.next += 1
        state.calls[facts.id] = Held(facts: facts)
        return facts.id
    }

    private static func change(_ id: UInt64, in state: inout State, _ body: (inout CallState) -> Void) -> [CoreEvent] {
        guard var held = state.calls[id], held.end == nil else { return [] }
        let before = held.facts.state
        body(&held.facts.state)
        guard held.facts.state != before else { return [] }
        state.calls[id] = held
        return [.changed(id: id, held.facts.state)]
    }

    private static func end(_ id: UInt64, in state: inout State, _ end: CallEnd) -> [CoreEvent] {
        guard var held = state.calls[id], held.end == nil else { return [] }
        held.end = end
        held.facts.state = .ended(end)
        state.calls[id] = held
        return [.ended(id: id, end)]
    }

    private static func leave(_ state: inout State) -> [CoreEvent] {
        state.isLeft = true
        state.connection = .offline
        let end = CallEnd(reason: .shutdown)
        return state.calls.keys.sorted().flatMap { Self.end($0, in: &state, end) }
    }
}

extension CallState {
    /// Both can talk.
    static func talking(muted: Bool) -> Self { .active(muted: muted, held: false, heldByFarSide: false) }
}

private struct Followed: PushFollowing {
    let outcome: PushResult

    func result() async throws -> PushResult { outcome }
}
