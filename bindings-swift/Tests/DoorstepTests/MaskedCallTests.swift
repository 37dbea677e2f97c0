import XCTest

@testable import Doorstep

/// The Swift API over the real library, a real gateway and a real phone.
final class MaskedCallTests: StagedTestCase {
    private let talking = CallState.active(muted: false, held: false, heldByFarSide: false)

    func testTheCourierCallsTheCustomerAndBothHearEachOther() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let phone = try await stage.phone("answer", "--after", "0")
        let doorstep = try stage.sdk()
        let (talking, muted) = (talking, CallState.active(muted: true, held: false, heldByFarSide: false))

        let call = try await doorstep.contactCustomer(order: "4711")
        XCTAssertEqual(call.direction, .outgoing)
        XCTAssertEqual(call.order, "4711")
        let screen = try await phone.event("incoming")
        XCTAssertEqual(screen["screen"], company)
        try await call.states.until("an answer") { $0 == talking }
        try await phone.event("first_audio")

        try await call.hold(true)
        try await call.states.until("hold") { $0 == .active(muted: false, held: true, heldByFarSide: false) }
        try await phone.event("held")
        try await call.hold(false)
        try await call.states.until("the call again") { $0 == talking }
        try await call.sendDTMF("5")
        let key = try await phone.event("dtmf")
        XCTAssertEqual(key["digit"], "5")
        try await call.mute(true)
        try await call.states.until("mute") { $0 == muted }

        try await call.hangUp()
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .hungUpHere)
        try await phone.event("ended")
        try await doorstep.callLists.until("an empty list") { $0.isEmpty }
        await assertThrows(DoorstepError.callOver) { try await call.answer() }
    }

    func testTheCustomerCallsBackAndTheCourierAnswers() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let doorstep = try stage.sdk()
        let (incoming, digits) = (doorstep.incoming, Locked(""))
        try await doorstep.reachabilityStates.until("reachability") { $0 == .reachable }
        let phone = try await stage.phone("call", company, "--dtmf", "42")

        let call = try await incoming.until("a call")
        XCTAssertEqual(call.direction, .incoming)
        XCTAssertEqual(call.state, .incoming)
        XCTAssertEqual(call.label, "Order 4711")
        XCTAssertEqual(call.order, "4711")
        XCTAssertEqual(doorstep.calls, [call])
        let keys = call.digits
        try await call.answer()
        try await call.states.until("the call") { [talking] in $0 == talking }
        try await phone.event("first_audio")
        try await keys.until("the customer's keys") { digit in
            digits.with { $0.append(digit) }
            return digit == "2"
        }
        XCTAssertEqual(digits.with { $0 }, "42")
        phone.stop()
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .hungUpThere)
        XCTAssertEqual(call.state, .ended(end))
    }

    func testACallTellsHowWellItCarries() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        _ = try await stage.phone("answer", "--after", "0")
        let doorstep = try stage.sdk()
        let call = try await doorstep.contactCustomer(order: "4711")
        let measured = try await call.qualityReports.until("a measurement") { $0.packetsReceived > 0 && $0.packetsSent > 0 }
        XCTAssertLessThanOrEqual(measured.packetsLost, measured.packetsReceived)
        XCTAssertGreaterThanOrEqual(measured.jitter, 0)
    }

    func testTheCourierDeclinesAndTheCustomerHearsBusy() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let doorstep = try stage.sdk()
        let incoming = doorstep.incoming
        try await doorstep.reachabilityStates.until("reachability") { $0 == .reachable }
        let phone = try await stage.phone("call", company)
        let call = try await incoming.until("a call")
        try await call.reject(busy: true)
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .declinedHere)
        try await phone.event("ended")
    }

    func testAnotherCouriersOrderIsRefusedWithWordsForTheCourier() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711", courier: "anna")
        let doorstep = try stage.sdk(courier: "bert")
        let call = try await doorstep.contactCustomer(order: "4711")
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .notYourOrder)
        XCTAssertFalse(end.text.isEmpty)
    }

    func testWhatIsAskedAfterTheEndSaysSoAndEndingTwiceDoesNothing() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        _ = try await stage.phone("answer", "--after", "0")
        let doorstep = try stage.sdk()
        let call = try await doorstep.contactCustomer(order: "4711")
        try await doorstep.signOut()
        doorstep.close()
        guard case .ended = call.state else { return XCTFail("the call goes on: \(call)") }
        await assertThrows(DoorstepError.shutDown) { try await doorstep.contactCustomer(order: "4711") }
        XCTAssertEqual(doorstep.connection, .offline)
        XCTAssertEqual(doorstep.calls, [])
        // Streams of a closed SDK end at once.
        for await _ in doorstep.incoming { XCTFail("a call after the end") }
    }

    func testOnCloseACallsReadersHearItsEnd() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let phone = try await stage.phone("answer", "--after", "0")
        var doorstep: Doorstep? = try stage.sdk()
        let call = try await XCTUnwrap(doorstep).contactCustomer(order: "4711")
        try await call.states.until("an answer") { [talking] in $0 == talking }
        let ended = Task { try await call.ended() }
        // Letting go of it closes it.
        doorstep = nil
        let end = try await within("the end") { try await ended.value }
        XCTAssertEqual(end.reason, .shutdown)
        try await phone.event("ended")
    }
}
