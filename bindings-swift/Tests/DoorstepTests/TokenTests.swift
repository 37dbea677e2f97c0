import XCTest

@testable import Doorstep

/// Where tokens come from, and what happens when none come.
final class TokenTests: StagedTestCase {
    private struct NotNow: Error {}

    func testASignedOutCourierIsToldSo() async throws {
        let stage = try await stage()
        let doorstep = try Doorstep(configuration: .init(gateway: stage.edge, tokens: { throw SignedOutError() }))
        try await doorstep.reachabilityStates.until("a refusal") { $0 == .failed(.unauthorized) }
    }

    func testATokenIsAskedForAgainBeforeItEnds() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let (requests, asked) = AsyncStream.makeStream(of: Int.self)
        let count = Locked(0)
        let doorstep = try Doorstep(
            configuration: .init(
                gateway: stage.edge,
                tokens: {
                    let number = count.with { count -> Int in
                        count += 1
                        return count
                    }
                    defer { asked.yield(number) }
                    return try stage.token(seconds: number == 1 ? 4 : 3600)
                }))
        try await doorstep.reachabilityStates.until("reachability") { $0 == .reachable }
        try await requests.until("a second token") { $0 == 2 }
        // The call lives on the new one.
        let phone = try await stage.phone("answer", "--after", "0")
        let call = try await doorstep.contactCustomer(order: "4711")
        try await phone.event("incoming")
        try await call.hangUp()
    }

    func testABackendThatFailsIsAskedAgain() async throws {
        let stage = try await stage()
        let count = Locked(0)
        let doorstep = try Doorstep(
            configuration: .init(
                gateway: stage.edge,
                tokens: {
                    let isFirst = count.with { count -> Bool in
                        count += 1
                        return count == 1
                    }
                    if isFirst { throw NotNow() }
                    return try stage.token()
                }))
        try await doorstep.reachabilityStates.until("reachability") { $0 == .reachable }
        XCTAssertGreaterThan(count.with { $0 }, 1)
    }
}
