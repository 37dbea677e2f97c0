/// One call. The last of its ``states`` is ``CallState/ended(_:)``. Letting go of it does not end the call.
public final class Call: Sendable, Identifiable {
    /// Its number within the SDK; never used twice.
    public let id: UInt64
    /// Who calls.
    public let direction: Direction
    /// The order that it is about, where one is known.
    public let order: OrderID?
    /// What the company wants the screen to say. It may hold a name: not for logs.
    public let label: String?
    /// The gateway's name for it, where one is known: the `call` of a push, and what its API and its log call it.
    public let callID: String?
    package var gatewayID: String? { callID }

    private let core: any CallCore
    private let stateNow: Broadcast<CallState>
    private let qualityNow = Broadcast<Quality>()
    private let digitsHeard = Broadcast<Character>(repeatsLatest: false)

    init(_ core: any CallCore) {
        let facts = core.facts
        self.core = core
        id = facts.id
        direction = facts.direction
        order = facts.order
        label = facts.label
        callID = facts.callID
        stateNow = Broadcast(core.end.map(CallState.ended) ?? facts.state)
        if core.end != nil { finish() }
    }

    // MARK: How it stands

    /// Where it stands.
    public var state: CallState { stateNow.value ?? .connecting }

    /// ``state``, whenever it changes; ends after ``CallState/ended(_:)``.
    public var states: AsyncStream<CallState> { stateNow.stream() }

    /// How well it carries, from the first measurement on.
    public var quality: Quality? { qualityNow.value }

    /// ``quality``, at each measurement.
    public var qualityReports: AsyncStream<Quality> { qualityNow.stream() }

    /// Digits (`0`–`9`, `*`, `#`, `A`–`D`) that the far side sends.
    public var digits: AsyncStream<Character> { digitsHeard.stream() }

    /// Waits until the call is over.
    ///
    /// - Throws: `CancellationError`; the call goes on.
    public func ended() async throws -> CallEnd {
        for await state in states {
            if case .ended(let end) = state { return end }
        }
        throw CancellationError()
    }

    // MARK: What can be done

    /// Takes the call. Other active calls are put on hold.
    ///
    /// - Throws: ``DoorstepError/wrongState`` when there is nothing to answer, ``DoorstepError/callOver`` when it has ended,
    ///   ``DoorstepError/shutDown``.
    public func answer() async throws { try await core.answer() }

    /// Refuses the call; with `busy` the caller hears that the courier is on the phone.
    ///
    /// - Throws: as ``answer()``.
    public func reject(busy: Bool = false) async throws { try await core.reject(busy: busy) }

    /// Ends the call, whatever its state.
    ///
    /// - Throws: ``DoorstepError/callOver``, ``DoorstepError/shutDown``.
    public func hangUp() async throws { try await core.hangUp() }

    /// Puts the call on hold, or goes on with it; then other active calls are put on hold.
    ///
    /// - Throws: ``DoorstepError/wrongState``, ``DoorstepError/callOver``, ``DoorstepError/shutDown``.
    public func hold(_ on: Bool) async throws { try await core.hold(on) }

    /// Microphone off, or on; possible before the answer, too.
    ///
    /// - Throws: ``DoorstepError/callOver``, ``DoorstepError/shutDown``.
    public func mute(_ on: Bool) async throws { try await core.mute(on) }

    /// Sends digits (`0`–`9`, `*`, `#`, `A`–`D`), one after the other. Returns when they are taken on (RFC 4733).
    ///
    /// - Throws: ``DoorstepError/invalidDigit`` for any other character, ``DoorstepError/tooManyDigits``,
    ///   ``DoorstepError/callOver``, ``DoorstepError/shutDown``.
    public func sendDTMF(_ digits: String) async throws { try await core.sendDTMF(digits) }

    /// Asks the far side to go on with the customer of another order (RFC 3515).
    ///
    /// - Throws: ``DoorstepError/wrongState``, ``DoorstepError/invalidTarget``, ``DoorstepError/callOver``,
    ///   ``DoorstepError/shutDown``.
    public func transfer(to order: OrderID) async throws { try await core.transfer(to: order) }

    // MARK: What the core tells

    /// The end comes with its words a moment later, and is the last.
    func update(_ state: CallState) {
        if case .ended = state { return }
        stateNow.send(state)
    }

    func end(_ end: CallEnd) {
        stateNow.send(.ended(end))
        finish()
    }

    func heard(_ digit: Character) { digitsHeard.send(digit) }

    func measured(_ quality: Quality) { qualityNow.send(quality) }

    /// The core's own word, for a reader that has missed some.
    func catchUp() {
        if let end = core.end { self.end(end) } else { update(core.facts.state) }
    }

    private func finish() {
        stateNow.finish()
        qualityNow.finish()
        digitsHeard.finish()
    }
}

extension Call: Hashable, CustomStringConvertible {
    public static func == (one: Call, other: Call) -> Bool { one === other }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// Nothing personal: good for logs.
    public var description: String { "Call(id: \(id), state: \(state))" }
}
