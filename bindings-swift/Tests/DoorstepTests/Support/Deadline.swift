import Foundation

/// Longer than anything takes that works, in seconds.
let hang: UInt64 = 30

/// What was waited for did not come.
struct TooLate: Error, CustomStringConvertible {
    let description: String
}

/// Runs it, and gives up on it after ``hang``.
func within<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(nanoseconds: hang * 1_000_000_000)
            throw TooLate(description: "\(what) did not come within \(hang) s")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw TooLate(description: what) }
        return value
    }
}

extension AsyncStream where Element: Sendable {
    /// The first element of which this holds.
    @discardableResult
    func until(_ what: String, _ holds: @escaping @Sendable (Element) -> Bool = { _ in true }) async throws -> Element {
        let stream = Shared(self)
        return try await within(what) {
            for await element in stream.value where holds(element) { return element }
            throw TooLate(description: "\(what) did not come before the end")
        }
    }
}

/// A stream's iterators share its elements, and one reads at a time.
private struct Shared<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}

/// Looks again and again until it holds: for what the system counts and nobody announces.
func eventually(_ what: String, _ holds: @escaping @Sendable () throws -> Bool) async throws {
    try await within(what) {
        while try !holds() { try await Task.sleep(nanoseconds: 10_000_000) }
    }
}
