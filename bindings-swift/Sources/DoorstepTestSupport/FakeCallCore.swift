import Doorstep

/// A call as the app sees it: the rules of the library's, without a network.
struct FakeCallCore: CallCore {
    let id: UInt64
    let core: FakeCore

    var facts: CallFacts {
        core.facts(id)
            ?? CallFacts(id: id, callID: nil, direction: .outgoing, order: nil, label: nil, state: .connecting)
    }

    var end: CallEnd? { core.end(of: id) }

    func answer() async throws {
        try core.perform(.answer, on: id) { state, isMuted in
            guard state == .incoming else { throw DoorstepError.wrongState }
            state = .talking(muted: isMuted)
            return nil
        }
    }

    func reject(busy: Bool) async throws {
        try core.perform(.reject(busy: busy), on: id) { state, _ in
            guard state == .incoming else { throw DoorstepError.wrongState }
            return .declinedHere
        }
    }

    func hangUp() async throws {
        try core.perform(.hangUp, on: id) { _, _ in .hungUpHere }
    }

    func hold(_ on: Bool) async throws {
        try core.perform(.hold(on), on: id) { state, _ in
            guard case .active(let muted, _, let heldByFarSide) = state else { throw DoorstepError.wrongState }
            state = .active(muted: muted, held: on, heldByFarSide: heldByFarSide)
            return nil
        }
    }

    func mute(_ on: Bool) async throws {
        try core.perform(.mute(on), on: id) { state, isMuted in
            isMuted = on
            if case .active(_, let held, let heldByFarSide) = state {
                state = .active(muted: on, held: held, heldByFarSide: heldByFarSide)
            }
            return nil
        }
    }

    func sendDTMF(_ digits: String) async throws {
        guard digits.allSatisfy({ "0123456789*#ABCD".contains($0) }) else { throw DoorstepError.invalidDigit }
        try core.perform(.sendDTMF(digits), on: id)
    }

    func transfer(to order: OrderID) async throws {
        try core.perform(.transfer(order), on: id) { state, _ in
            guard case .active = state else { throw DoorstepError.wrongState }
            return nil
        }
    }
}
