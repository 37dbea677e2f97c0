// Calls on the system's screen: what the courier does there, what the app does, and who was faster.

import CallKit
import Foundation
import Phone
import PushKit
import XCTest

@testable import DoorstepCallKit

@MainActor final class CallScenarios: XCTestCase {
    func testAnAnswerBeforeTheCoreKnowsTheCallIsKept() async throws {
        let stage = Stage(inBackground: true)
        try stage.registry.deliver(stage.payload("c1"))
        try stage.provider.tap(CXAnswerCallAction(call: stage.id("c1")))
        XCTAssertEqual(stage.core.asked(.answer), 0)
        XCTAssertFalse(stage.phone.journal.contains(.fulfilled("answer", stage.id("c1"))))
        stage.core.decide("c1", .call(1))
        XCTAssertEqual(stage.core.asked(.answer), 1)
        XCTAssertTrue(stage.phone.journal.contains(.fulfilled("answer", stage.id("c1"))))
        XCTAssertEqual(try stage.shown("c1").stage, .connected)
        stage.assertManners()
    }

    func testACallDeclinedBeforeTheCoreKnowsItIsDeclinedThen() async throws {
        let stage = Stage()
        try stage.registry.deliver(stage.payload("c1"))
        try stage.provider.tap(CXEndCallAction(call: stage.id("c1")))
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        stage.core.decide("c1", .call(1))
        XCTAssertEqual(stage.core.asked(.decline(busy: false)), 1)
        stage.core.tell(stage.incoming())
        XCTAssertEqual(stage.phone.reports, 1)
        stage.assertManners()
    }

    func testAnAnswerThatTheCoreRefusesEndsTheCall() async throws {
        let stage = Stage()
        stage.core.refusals = [.answer]
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        try stage.provider.tap(CXAnswerCallAction(call: stage.id("c1")))
        XCTAssertTrue(stage.phone.journal.contains(.failed("answer", stage.id("c1"))))
        XCTAssertEqual(stage.core.asked(.hangUp), 1)
        stage.assertManners()
    }

    func testAnAnsweredCallThatDoesNotComeAboutIsGivenUp() async throws {
        let stage = Stage()
        try stage.registry.deliver(stage.payload("c1"))
        try stage.provider.tap(CXAnswerCallAction(call: stage.id("c1")))
        stage.clock.pass(46)
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        XCTAssertTrue(stage.phone.journal.contains(.failed("answer", stage.id("c1"))))
        // The core, should it come round, is told.
        stage.core.decide("c1", .call(1))
        XCTAssertEqual(stage.core.asked(.decline(busy: true)), 1)
        stage.assertManners()
    }

    func testAnActionOutOfTimeIsNotCompleted() async throws {
        let stage = Stage()
        stage.core.slow = [.answer]
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        let answer = CXAnswerCallAction(call: stage.id("c1"))
        try stage.provider.tap(answer)
        try stage.provider.timeOut(answer)
        XCTAssertEqual(stage.core.asked(.hangUp), 1)
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.failed.rawValue])
        stage.core.answer(true)
        stage.assertManners()
    }

    func testHoldAndMuteOnTheSystemsScreen() async throws {
        let stage = Stage()
        try stage.talk()
        try stage.provider.tap(CXSetHeldCallAction(call: stage.id("c1"), onHold: true))
        try stage.provider.tap(CXSetMutedCallAction(call: stage.id("c1"), muted: true))
        XCTAssertEqual(stage.core.asked(.hold(true)), 1)
        XCTAssertEqual(stage.core.asked(.mute(true)), 1)
        XCTAssertTrue(try stage.shown("c1").isHeld)
        XCTAssertTrue(try stage.shown("c1").isMuted)
        stage.assertManners()
    }

    func testAHoldThatTheCoreRefusesIsNotShown() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.refusals = [.hold(true)]
        try stage.provider.tap(CXSetHeldCallAction(call: stage.id("c1"), onHold: true))
        XCTAssertFalse(try stage.shown("c1").isHeld)
        XCTAssertTrue(stage.phone.journal.contains(.failed("hold true", stage.id("c1"))))
        stage.assertManners()
    }

    func testHoldAndMuteInTheAppAreShown() async throws {
        let stage = Stage()
        try stage.talk()
        var call = stage.incoming("c1", .talking)
        (call.isHeld, call.isMuted) = (true, true)
        stage.core.tell(call)
        XCTAssertTrue(try stage.shown("c1").isHeld)
        XCTAssertTrue(try stage.shown("c1").isMuted)
        // The core has done it already.
        XCTAssertEqual(stage.core.asked(.hold(true)), 0)
        XCTAssertEqual(stage.core.asked(.mute(true)), 0)
        stage.assertManners()
    }

    func testDigitsOfTheSystemsKeypad() async throws {
        let stage = Stage()
        try stage.talk()
        try stage.provider.tap(CXPlayDTMFCallAction(call: stage.id("c1"), digits: "12#", type: .singleTone))
        XCTAssertEqual(stage.core.asked(.digits("12#")), 1)
        XCTAssertTrue(stage.phone.journal.contains(.fulfilled("digits 12#", stage.id("c1"))))
        stage.assertManners()
    }

    func testCallsAreNotGrouped() async throws {
        let stage = Stage()
        try stage.talk()
        XCTAssertFalse(try stage.shown("c1").supportsGrouping)
        try stage.provider.tap(CXSetGroupCallAction(call: stage.id("c1"), callUUIDToGroupWith: UUID()))
        XCTAssertTrue(stage.phone.journal.contains(.failed("group", stage.id("c1"))))
        stage.assertManners()
    }

    func testTheCourierHangsUpOnTheSystemsScreen() async throws {
        let stage = Stage()
        try stage.talk()
        try stage.provider.tap(CXEndCallAction(call: stage.id("c1")))
        XCTAssertEqual(stage.core.asked(.hangUp), 1)
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        stage.core.tell(stage.incoming("c1", .over(.here)))
        // The action was enough.
        XCTAssertEqual(stage.ended(stage.id("c1")), [])
        stage.assertManners()
    }

    func testTheCourierHangsUpInTheApp() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.tell(stage.incoming("c1", .over(.here)))
        XCTAssertTrue(stage.phone.journal.contains(.fulfilled("end", stage.id("c1"))))
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        stage.assertManners()
    }

    func testTheCustomerHangsUp() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.tell(stage.incoming("c1", .over(.farSide)))
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.remoteEnded.rawValue])
        stage.assertManners()
    }

    func testAnsweredInTheApp() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        stage.core.tell(stage.incoming())
        stage.core.tell(stage.incoming("c1", .talking))
        XCTAssertEqual(try stage.shown("c1").stage, .connected)
        XCTAssertEqual(stage.core.asked(.answer), 0)
        stage.assertManners()
    }

    func testACallToACustomer() async throws {
        let stage = Stage()
        stage.core.tell(stage.outgoing())
        let id = try stage.dialled()
        XCTAssertTrue(stage.phone.journal.contains(.fulfilled("start", id)))
        XCTAssertTrue(stage.phone.journal.contains(.connecting(id)))
        XCTAssertFalse(stage.phone.journal.contains(.connected(id)))
        stage.core.tell(stage.outgoing(.talking))
        XCTAssertTrue(stage.phone.journal.contains(.connected(id)))
        stage.core.tell(stage.outgoing(.over(.farSide)))
        XCTAssertEqual(stage.ended(id), [CXCallEndedReason.remoteEnded.rawValue])
        stage.assertManners()
    }

    func testACallThatTheSystemDoesNotAllowEnds() async throws {
        let stage = Stage()
        try stage.provider.transactionRefusal = .maximumCallGroupsReached
        stage.core.tell(stage.outgoing())
        XCTAssertEqual(stage.core.asked(.hangUp), 1)
        XCTAssertEqual(stage.told, [.callRefused(silenced: false)])
        stage.assertManners()
    }

    func testASecondCallDuringTheFirst() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.verdicts["c2"] = .call(2)
        try stage.registry.deliver(stage.payload("c2"))
        stage.core.tell(stage.incoming("c2", id: 2))
        try stage.provider.tap(
            CXSetHeldCallAction(call: stage.id("c1"), onHold: true), CXAnswerCallAction(call: stage.id("c2")))
        XCTAssertEqual(stage.core.asked(.hold(true), of: 1), 1)
        XCTAssertEqual(stage.core.asked(.answer, of: 2), 1)
        XCTAssertEqual(try stage.shown("c2").stage, .connected)
        stage.assertManners()
    }

    func testAResetOfTheSystemEndsAllCallsAndTheNextPushRings() async throws {
        let stage = Stage()
        try stage.talk()
        try stage.provider.reset()
        XCTAssertEqual(stage.core.asked(.hangUp), 1)
        try stage.registry.deliver(stage.payload("c2"))
        XCTAssertEqual(try stage.shown("c2").stage, .ringing)
        stage.assertManners()
    }
}
