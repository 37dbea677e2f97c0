import Doorstep
import DoorstepTestSupport
import XCTest

/// What an integrator's tests rely on: the fake behaves as the SDK does.
final class FakeDoorstepTests: XCTestCase {
    private let fake = FakeDoorstep()
    private let talking = CallState.active(muted: false, held: false, heldByFarSide: false)

    func testACallOfTheAppsGoesThroughItsStates() async throws {
        let call = try await fake.doorstep.contactCustomer(order: "4711")
        let reading = Task { await call.states.reduce(into: [CallState]()) { $0.append($1) } }
        let script = try XCTUnwrap(fake.calls.last)
        XCTAssertEqual(script.order, "4711")
        XCTAssertEqual(call.state, .connecting)
        script.ring()
        XCTAssertEqual(call.state, .ringing)
        script.answer()
        XCTAssertEqual(call.state, talking)
        try await call.mute(true)
        try await call.hold(true)
        script.hold(true)
        XCTAssertEqual(call.state, .active(muted: true, held: true, heldByFarSide: true))
        script.hangUp()
        let states = await reading.value
        XCTAssertEqual(states.last, .ended(CallEnd(reason: .hungUpThere)))
        XCTAssertEqual(script.actions, [.mute(true), .hold(true)])
        XCTAssertEqual(fake.doorstep.calls, [])
    }

    func testACustomerRingsAndTheAppAnswersOrDeclines() async throws {
        var incoming = fake.doorstep.incoming.makeAsyncIterator()
        let first = fake.ring(order: "4711", label: "Order 4711")
        let next = await incoming.next()
        let call = try XCTUnwrap(next)
        XCTAssertEqual(call.label, "Order 4711")
        XCTAssertEqual(call.state, .incoming)
        try await call.answer()
        XCTAssertEqual(first.state, talking)
        await assertThrows(.wrongState) { try await call.answer() }

        let second = fake.ring()
        try await XCTUnwrap(fake.doorstep.calls.last).reject(busy: true)
        XCTAssertEqual(second.state, .ended(CallEnd(reason: .declinedHere)))
        XCTAssertEqual(second.actions, [.reject(busy: true)])
        XCTAssertEqual(fake.doorstep.calls, [call])
    }

    func testTheNetworkComesAndGoes() async throws {
        fake.set(connection: .waiting)
        fake.set(reachability: .failed(.unauthorized))
        XCTAssertEqual(fake.doorstep.connection, .waiting)
        XCTAssertEqual(fake.doorstep.reachability, .failed(.unauthorized))
        let call = try await fake.doorstep.contactCustomer(order: "4711")
        let script = try XCTUnwrap(fake.calls.last)
        script.answer()
        script.loseConnection()
        XCTAssertEqual(call.state, .reconnecting)
        script.regainConnection()
        XCTAssertEqual(call.state, talking)
        script.end(.connectionLost, text: "The line broke.")
        let end = try await call.ended()
        XCTAssertEqual(end.text, "The line broke.")
    }

    func testWhatCannotBeDoneIsRefusedAsByTheSDK() async throws {
        fake.refuseCalls(with: .tooBusy)
        await assertThrows(.tooBusy) { try await self.fake.doorstep.contactCustomer(order: "4711") }
        fake.refuseCalls(with: nil)
        let call = try await fake.doorstep.contactCustomer(order: "4711")
        await assertThrows(.wrongState) { try await call.hold(true) }
        await assertThrows(.invalidDigit) { try await call.sendDTMF("5x") }
        try await call.hangUp()
        await assertThrows(.callOver) { try await call.hangUp() }
        try await fake.doorstep.signOut()
        XCTAssertTrue(fake.isSignedOut)
        await assertThrows(.shutDown) { try await self.fake.doorstep.contactCustomer(order: "4711") }
        await assertThrows(.shutDown) { try await self.fake.doorstep.networkChanged() }
    }

    func testPushesRingOnceAndStaleOnesDoNot() async throws {
        let push = fake.push(call: "abc", order: "4711", label: "Order 4711")
        let first = try await XCTUnwrap(fake.doorstep.handlePush(push)).outcome()
        let call = try XCTUnwrap(fake.doorstep.calls.first)
        XCTAssertEqual(first, .call(call, isKnown: false))
        let again = try await XCTUnwrap(fake.doorstep.handlePush(push)).outcome()
        XCTAssertEqual(again, .call(call, isKnown: true))
        try await call.hangUp()
        let late = try await XCTUnwrap(fake.doorstep.handlePush(push)).outcome()
        XCTAssertEqual(late, .noCall(.hungUpHere))
        let stale = fake.push(expires: Date(timeIntervalSince1970: 1))
        let none = try await XCTUnwrap(fake.doorstep.handlePush(stale)).outcome()
        XCTAssertEqual(none, .noCall(.expired))
    }

    func testKeysAndMeasurementsReachTheApp() async throws {
        let call = try await fake.doorstep.contactCustomer(order: "4711")
        let script = try XCTUnwrap(fake.calls.last)
        script.answer()
        var keys = call.digits.makeAsyncIterator()
        script.press("4")
        let key = await keys.next()
        XCTAssertEqual(key, "4")
        script.measure(packetsReceived: 50, packetsLost: 1)
        XCTAssertEqual(call.quality?.packetsLost, 1)
    }

    private func assertThrows<Value>(
        _ expected: DoorstepError, line: UInt = #line, _ body: () async throws -> Value
    ) async {
        do {
            _ = try await body()
            XCTFail("nothing was thrown", line: line)
        } catch {
            XCTAssertEqual(error as? DoorstepError, expected, line: line)
        }
    }
}
