/// One value that changes, or things that happen, told to any number of streams. Each stream leaves when its reader does.
final class Broadcast<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var isFinished = false
        var readers: [UInt64: AsyncStream<Value>.Continuation] = [:]
        var next: UInt64 = 0
    }

    /// For a slow reader; beyond it the oldest go first, so that the latest is never missed.
    private static var waiting: Int { 32 }
    private let repeatsLatest: Bool
    private let state: Locked<State>

    /// With `repeatsLatest` a stream begins with the latest value, as states do; else it tells what comes.
    init(_ value: Value? = nil, repeatsLatest: Bool = true) {
        self.repeatsLatest = repeatsLatest
        state = Locked(State(value: value))
    }

    /// The latest.
    var value: Value? { state.with { $0.value } }

    /// How many streams are read.
    var readers: Int { state.with { $0.readers.count } }

    func stream() -> AsyncStream<Value> {
        AsyncStream(bufferingPolicy: .bufferingNewest(Self.waiting)) { reader in
            let id: UInt64? = state.with { state in
                if repeatsLatest, let value = state.value { reader.yield(value) }
                if state.isFinished { return nil }
                state.next += 1
                state.readers[state.next] = reader
                return state.next
            }
            guard let id else { return reader.finish() }
            reader.onTermination = { [weak self] _ in self?.leave(id) }
        }
    }

    /// Tells it to all, in one order; after the end nothing is told.
    func send(_ value: Value) {
        state.with { state in
            guard !state.isFinished else { return }
            if repeatsLatest { state.value = value }
            for reader in state.readers.values { reader.yield(value) }
        }
    }

    /// All streams end when what they hold is read.
    func finish() {
        let readers = state.with { state in
            state.isFinished = true
            return state.readers.values.map { $0 }
        }
        // Each leaves by itself, and that takes the lock.
        for reader in readers { reader.finish() }
    }

    private func leave(_ id: UInt64) {
        // The continuation may be the last to hold something: it goes when the lock is free.
        _ = state.with { $0.readers.removeValue(forKey: id) }
    }
}
