import XCTest

@testable import Doorstep

/// What is made goes again: threads, files, memory.
final class LifetimeTests: StagedTestCase {
    /// The first rounds start what stays: the library's threads, the system's pools.
    private static let warmUp = 20
    private static let rounds = 200
    /// Pools grow and shrink by themselves; a leak of one per round would be ten times that.
    private static let slack = 18

    func testTwoHundredRoundsLeaveNothingBehind() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let token = try stage.token()
        var lines: [Weakly<Line>] = []
        var before: Counts?
        for round in 0..<Self.rounds {
            if round == Self.warmUp { before = try Counts() }
            lines.append(try await self.round(stage, token: token, connects: round % 4 == 0))
        }
        let start = try XCTUnwrap(before)
        let made = lines
        try await eventually("as few threads and files as before") {
            let now = try Counts()
            return now.threads <= start.threads + Self.slack && now.files <= start.files + Self.slack
        }
        try await eventually("every client's end") { made.allSatisfy { $0.object == nil } }
    }

    /// Starts the SDK, places a call in some rounds, and lets go of it, in one of the ways there are.
    private func round(_ stage: Stage, token: String, connects: Bool) async throws -> Weakly<Line> {
        let doorstep = try Doorstep(configuration: .init(gateway: stage.edge, tokens: { token }))
        let line = Weakly(doorstep.line)
        guard connects else {
            if Bool.random() { doorstep.close() }
            return line
        }
        try await doorstep.connectionStates.until("a connection") { $0 == .connected }
        let call = try await doorstep.contactCustomer(order: "4711")
        try await call.hangUp()
        try await doorstep.signOut()
        return line
    }
}

/// Looks at an object that may be gone.
private final class Weakly<Object: AnyObject & Sendable>: @unchecked Sendable {
    private(set) weak var object: Object?

    init(_ object: Object) {
        self.object = object
    }
}

/// What the system holds for this process.
private struct Counts {
    let threads: Int
    let files: Int

    init() throws {
        threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
