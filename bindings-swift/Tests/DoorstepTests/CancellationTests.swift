import XCTest

@testable import Doorstep

/// A task that waits is cancelled: it stops at once, and leaves nothing behind.
final class CancellationTests: StagedTestCase {
    func testACancelledReaderStopsAndLeavesAndTheCallGoesOn() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let phone = try await stage.phone("answer", "--after", "0")
        let doorstep = try stage.sdk()
        let call = try await doorstep.contactCustomer(order: "4711")
        try await phone.event("first_audio")

        let waiting = Task { try await call.ended() }
        let reading = Task {
            for await _ in doorstep.incoming {}
        }
        try await eventually("a reader") { doorstep.line.incoming.readers == 1 }
        waiting.cancel()
        reading.cancel()
        await assertThrowsCancellation { _ = try await waiting.value }
        try await within("the reader's end") { await reading.value }
        XCTAssertEqual(doorstep.line.incoming.readers, 0)

        XCTAssertEqual(doorstep.calls, [call])
        try await call.hangUp()
        try await phone.event("ended")
    }

    func testACallThatNobodyWaitsForAnyMoreIsHungUp() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let doorstep = try stage.sdk()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let calling = Task {
            // Cancelled while it waits to begin.
            for await _ in gate {}
            return try await doorstep.contactCustomer(order: "4711")
        }
        calling.cancel()
        open.finish()
        await assertThrowsCancellation { _ = try await calling.value }
        try await doorstep.callLists.until("no call") { $0.isEmpty }
    }

    private func assertThrowsCancellation(_ body: () async throws -> Void) async {
        do {
            try await body()
            XCTFail("nothing was thrown")
        } catch is CancellationError {
        } catch {
            XCTFail("\(error) was thrown")
        }
    }
}
