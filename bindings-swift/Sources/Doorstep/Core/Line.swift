/// The calls of one core, kept up to date by its events. The subscription holds this, and this holds no ``Doorstep``: so that letting
/// go of that ends everything.
final class Line: Sendable {
    let core: any ClientCore
    let connections: Broadcast<ConnectionState>
    let reachabilities: Broadcast<Reachability>
    let callLists = Broadcast<[Call]>([])
    let incoming = Broadcast<Call>(repeatsLatest: false)
    let events = Broadcast<DoorstepEvent>(repeatsLatest: false)

    private struct State {
        var live: [UInt64: Call] = [:]
        var isClosed = false
        var unsubscribe: (@Sendable () -> Void)?
    }
    private let state = Locked(State())

    init(core: any ClientCore) {
        self.core = core
        connections = Broadcast(core.connection)
        reachabilities = Broadcast(core.reachability)
    }

    /// Follows the core's events until ``close()``.
    func follow(_ subscribe: Subscribe) rethrows {
        let unsubscribe = try subscribe { [self] event in heard(event) }
        state.with { $0.unsubscribe = unsubscribe }
    }

    /// Every call that is not over, oldest first.
    var calls: [Call] { callLists.value ?? [] }

    func contactCustomer(_ order: OrderID) async throws -> Call {
        try mustBeOpen()
        let core = try await core.contactCustomer(order)
        guard let call = adopt(core) else {
            try? await core.hangUp()
            throw DoorstepError.shutDown
        }
        return call
    }

    func handlePush(_ push: PushPayload) throws -> any PushFollowing {
        try mustBeOpen()
        return try core.handlePush(push)
    }

    /// The call of this number, unless it is over.
    func call(_ id: UInt64) -> Call? {
        if let call = state.with({ $0.live[id] }) { return call }
        return core.call(id).flatMap(adopt)
    }

    func outcome(of result: PushResult) -> PushOutcome {
        switch result {
        case .call(let id, let known): call(id).map { .call($0, isKnown: known) } ?? .noCall(.expired)
        case .noCall(let reason): .noCall(reason)
        }
    }

    /// Calls end, in the background; a push wakes the app again. All that is read ends now.
    func close() {
        let (wasClosed, unsubscribe, live) = state.with { state in
            defer { state = State(isClosed: true) }
            return (state.isClosed, state.unsubscribe, state.live)
        }
        guard !wasClosed else { return }
        core.beginLeave()
        unsubscribe?()
        let end = CallEnd(reason: .shutdown)
        for call in live.values { call.end(end) }
        connections.send(.offline)
        reachabilities.send(.off)
        callLists.send([])
        connections.finish()
        reachabilities.finish()
        callLists.finish()
        incoming.finish()
        events.finish()
    }

    private func mustBeOpen() throws {
        if state.with({ $0.isClosed }) { throw DoorstepError.shutDown }
    }

    /// One ``Call`` for each call, whoever finds it first; nil after the end. It is made under the lock, so that no event that comes
    /// after its making misses it.
    private func adopt(_ core: any CallCore) -> Call? {
        let id = core.facts.id
        return state.with { state in
            if let known = state.live[id] { return known }
            guard !state.isClosed else { return nil }
            let call = Call(core)
            if case .ended = call.state { return call }
            state.live[id] = call
            list(state.live)
            return call
        }
    }

    /// Under the lock, so that lists come in their order.
    private func list(_ live: [UInt64: Call]) {
        callLists.send(live.values.sorted { $0.id < $1.id })
    }

    private func heard(_ event: CoreEvent) {
        switch event {
        case .connection(let connection): connections.send(connection)
        case .reachability(let reachability): reachabilities.send(reachability)
        case .incoming(let id): if let call = call(id) { incoming.send(call) }
        case .changed(let id, let state): call(id)?.update(state)
        case .digit(let id, let digit): state.with({ $0.live[id] })?.heard(digit)
        case .quality(let id, let quality): state.with({ $0.live[id] })?.measured(quality)
        case .ended(let id, let end): ended(id, end)
        case .connectFailed(let text): events.send(.connectFailed(text: text))
        case .firstAudio(let id): if let call = call(id) { events.send(.firstAudio(call)) }
        case .transfer(let id, let progress): if let call = call(id) { events.send(.transfer(call, progress)) }
        case .refused(let id, let error): if let call = call(id) { events.send(.refused(call, error)) }
        case .push(let callID, let result): events.send(.push(callID: callID, outcome(of: result)))
        case .lagged(let missed):
            catchUp()
            events.send(.lagged(missed: missed))
        case .closed: connections.send(.offline)
        }
    }

    private func ended(_ id: UInt64, _ end: CallEnd) {
        let call = state.with { state in
            guard let call = state.live.removeValue(forKey: id) else { return nil as Call? }
            list(state.live)
            return call
        }
        call?.end(end)
    }

    /// Events were missed: the core says how things are.
    private func catchUp() {
        connections.send(core.connection)
        reachabilities.send(core.reachability)
        for call in state.with({ Array($0.live.values) }) {
            call.catchUp()
            if case .ended(let end) = call.state { ended(call.id, end) }
        }
    }
}
