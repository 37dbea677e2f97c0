// Pushes: whatever comes, a call is reported first.

import CallKit
import Foundation
import Phone
import PushKit
import XCTest

@testable import DoorstepCallKit

@MainActor final class PushScenarios: XCTestCase {
    func testAPushThatStartsTheAppRings() async throws {
        let stage = Stage(inBackground: true)
        try stage.registry.deliver(stage.payload("c1", label: "Order 4711"))
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        XCTAssertEqual(try stage.shown("c1").name, "Order 4711")
        XCTAssertEqual(
            stage.phone.journal.prefix(4),
            [
                .pushDelivered(1), .reported(stage.id("c1")), .pushCompleted(1), .core("push c1"),
            ])
        stage.assertManners()
    }

    func testAPushWithoutALabelRingsUnderANeutralName() async throws {
        let stage = Stage(look: CallScreenLook(unknownCaller: "Your customer"))
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.shown("c1").name, "Your customer")
        stage.core.decide("c1", .call(1))
        stage.core.tell(stage.incoming(label: "Order 4711, Ann"))
        XCTAssertEqual(try stage.shown("c1").name, "Order 4711, Ann")
        stage.assertManners()
    }

    func testAMalformedPushIsReportedAndEnded() async throws {
        let stage = Stage()
        stage.core.verdicts[""] = .noCall(.failed)
        try stage.registry.deliver(["aps": [String: String](), "x": Date()])
        let id = try XCTUnwrap(stage.provider.calls.keys.first)
        XCTAssertEqual(stage.ended(id), [CXCallEndedReason.failed.rawValue])
        stage.assertManners()
    }

    func testAPushWithACallThatIsNoTextIsReportedAndEnded() async throws {
        let stage = Stage()
        stage.core.verdicts[""] = .noCall(.failed)
        try stage.registry.deliver(["call": 7, "label": ["not": "a text"], "order": 4711])
        XCTAssertEqual(stage.phone.reports, 1)
        XCTAssertEqual(try stage.provider.calls.values.map(\.stage), [.ended])
        stage.assertManners()
    }

    func testASecondPushForACallChangesNothing() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.provider.calls.count, 1)
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        XCTAssertEqual(stage.ended(stage.id("c1")), [])
        stage.assertManners()
    }

    func testASecondPushDuringTheCallLeavesIt() async throws {
        let stage = Stage()
        try stage.talk()
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.shown("c1").stage, .connected)
        XCTAssertEqual(stage.core.asked(.hangUp), 0)
        stage.assertManners()
    }

    func testAStalePushIsReportedAndEnded() async throws {
        let stage = Stage()
        stage.core.verdicts["old"] = .noCall(.unanswered)
        try stage.registry.deliver(stage.payload("old"))
        XCTAssertEqual(stage.ended(stage.id("old")), [CXCallEndedReason.unanswered.rawValue])
        stage.assertManners()
    }

    func testALatePushForACallThatIsOverDoesNotRing() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.tell(stage.incoming("c1", .over(.farSide)))
        stage.core.verdicts["c1"] = .noCall(.farSide)
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        stage.assertManners()
    }

    func testACancelThatCameBeforeThePush() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .noCall(.farSide)
        try stage.registry.deliver(stage.payload("c1", kind: "cancel"))
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.shown("c1").stage, .ended)
        XCTAssertEqual(stage.ended(stage.id("c1")).count, 2)
        stage.assertManners()
    }

    func testCancelledWhileItRings() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        stage.core.tell(stage.incoming())
        stage.core.tell(stage.incoming("c1", .over(.farSide)))
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.remoteEnded.rawValue])
        stage.assertManners()
    }

    func testAnsweredElsewhere() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        stage.core.tell(stage.incoming())
        stage.core.tell(stage.incoming("c1", .over(.answeredElsewhere)))
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.answeredElsewhere.rawValue])
        stage.assertManners()
    }

    func testDeclinedElsewhere() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        stage.core.tell(stage.incoming("c1", .over(.declinedElsewhere)))
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.declinedElsewhere.rawValue])
        stage.assertManners()
    }

    func testThePushComesAfterItsInvite() async throws {
        let stage = Stage()
        stage.core.tell(stage.incoming())
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(try stage.provider.calls.count, 1)
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        stage.assertManners()
    }

    func testAThirdCallIsDeclinedAsBusy() async throws {
        let stage = Stage()
        try stage.talk("c1", id: 1)
        stage.core.verdicts["c2"] = .call(2)
        try stage.registry.deliver(stage.payload("c2"))
        stage.core.tell(stage.incoming("c2", id: 2))
        stage.core.verdicts["c3"] = .call(3)
        try stage.registry.deliver(stage.payload("c3"))
        XCTAssertEqual(stage.core.asked(.decline(busy: true), of: 3), 1)
        XCTAssertEqual(try stage.shown("c1").stage, .connected)
        XCTAssertEqual(try stage.shown("c2").stage, .ringing)
        XCTAssertNil(try stage.provider.calls[stage.id("c3")])
        stage.assertManners()
    }

    func testDoNotDisturbDeclinesAndSaysSo() async throws {
        let stage = Stage()
        try stage.provider.refusal = .filteredByDoNotDisturb
        try stage.registry.deliver(stage.payload("c1"))
        stage.core.decide("c1", .call(1))
        XCTAssertEqual(stage.core.asked(.decline(busy: true)), 1)
        XCTAssertEqual(stage.told, [.callRefused(silenced: true)])
        // What the core still tells of it brings it not back.
        stage.core.tell(stage.incoming())
        XCTAssertEqual(try stage.provider.calls.count, 0)
        stage.assertManners()
    }

    func testAPushWhileNobodyIsSignedIn() async throws {
        let stage = Stage(signedIn: false)
        try stage.registry.deliver(stage.payload("c1"))
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.failed.rawValue])
        stage.assertManners()
    }

    func testAPushThatNeedNotBeReportedShowsNothingOfItsOwn() async throws {
        let stage = Stage()
        stage.core.verdicts["old"] = .noCall(.unanswered)
        stage.excused.insert(try stage.registry.deliver(stage.payload("old"), mustReport: false))
        XCTAssertEqual(stage.phone.reports, 0)
        XCTAssertTrue(stage.phone.journal.contains(.pushCompleted(1)))
        stage.core.verdicts["c1"] = .call(1)
        stage.excused.insert(try stage.registry.deliver(stage.payload("c1"), mustReport: false))
        stage.core.tell(stage.incoming())
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        XCTAssertEqual(stage.phone.reports, 1)
        stage.assertManners()
    }

    func testAPushThatMustBeReportedToday() async throws {
        let stage = Stage()
        try stage.registry.deliver(stage.payload("c1"), mustReport: true)
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        stage.assertManners()
    }

    func testACoreThatSaysNothingDoesNotRingForEver() async throws {
        let stage = Stage()
        try stage.registry.deliver(stage.payload("c1"))
        stage.clock.pass(89)
        XCTAssertEqual(try stage.shown("c1").stage, .ringing)
        stage.clock.pass(2)
        XCTAssertEqual(stage.ended(stage.id("c1")), [CXCallEndedReason.unanswered.rawValue])
        // It says it too late: nobody is waiting any more.
        stage.core.decide("c1", .call(1))
        XCTAssertEqual(stage.core.asked(.decline(busy: true)), 1)
        stage.core.tell(stage.incoming())
        XCTAssertEqual(stage.phone.reports, 1)
        stage.assertManners()
    }

    func testAHundredPushesAtOnce() async throws {
        let stage = Stage()
        for number in 1...100 {
            stage.core.verdicts["c\(number)"] = .noCall(.unanswered)
            try stage.registry.deliver(stage.payload("c\(number)"))
        }
        XCTAssertEqual(stage.phone.reports, 100)
        XCTAssertTrue(try stage.provider.calls.values.allSatisfy { $0.stage == .ended })
        stage.assertManners()
    }

    func testTheTokenGoesToTheCore() async throws {
        let stage = Stage()
        try stage.registry.giveToken(Data([0x00, 0xab, 0x0f]))
        XCTAssertEqual(stage.core.target, VoIPTarget(topic: "TEAM.com.example.courier.voip", token: "00ab0f"))
        try stage.registry.takeToken()
        XCTAssertNil(stage.core.target)
        stage.assertManners()
    }

    func testATokenFromBeforeTheSignIn() async throws {
        let stage = Stage(signedIn: false)
        try stage.registry.giveToken(Data([1]))
        stage.desk.attach(stage.core)
        XCTAssertEqual(stage.core.target?.token, "01")
        stage.assertManners()
    }

    func testWithoutATeamTheAppIsTold() async throws {
        let stage = Stage(team: nil)
        try stage.registry.giveToken(Data([1]))
        XCTAssertEqual(stage.told, [.noTeam])
        XCTAssertEqual(stage.core.targets, 0)
        stage.assertManners()
    }
}
