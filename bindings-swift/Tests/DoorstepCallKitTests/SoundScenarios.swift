// The audio session and the unit: when they run, and what happens when the system does not do its part.

import AVFAudio
import CallKit
import Foundation
import Phone
import PushKit
import XCTest

@testable import DoorstepCallKit

@MainActor final class SoundScenarios: XCTestCase {
    private var starts: Int {
        Phone.current.journal.count { $0 == .unit("started with voice processing") }
    }

    func testSoundStartsWithTheSystemsActivationAndNotBefore() async throws {
        let stage = Stage()
        stage.core.verdicts["c1"] = .call(1)
        try stage.registry.deliver(stage.payload("c1"))
        try stage.provider.tap(CXAnswerCallAction(call: stage.id("c1")))
        stage.core.tell(stage.incoming("c1", .talking))
        stage.desk.gate.want(stage.mouth.pipes)
        XCTAssertEqual(starts, 0)
        XCTAssertTrue(
            stage.phone.journal.contains(
                .session("category \(AVAudioSession.Category.playAndRecord.rawValue) \(AVAudioSession.Mode.voiceChat.rawValue)")))
        XCTAssertFalse(stage.phone.journal.contains(.session("activated by the app")))
        try stage.provider.activateAudio()
        XCTAssertEqual(starts, 1)
        stage.assertManners()
    }

    func testBothSidesAreHeard() async throws {
        let stage = Stage()
        try stage.talk()
        let engine = try XCTUnwrap(AVAudioEngine.current)
        engine.hear([Float](repeating: 0.5, count: 960))
        XCTAssertEqual(stage.mouth.heard.count, 960, accuracy: 64)
        XCTAssertEqual(Double(stage.mouth.heard.last ?? 0), 16_384, accuracy: 400)
        let played = engine.play(480)
        XCTAssertEqual(played[240], 0.25, accuracy: 0.01)
        stage.assertManners()
    }

    func testAnActivationThatNeverComesIsMadeUpFor() async throws {
        let stage = Stage()
        stage.core.tell(stage.outgoing())
        stage.desk.gate.want(stage.mouth.pipes)
        stage.clock.pass(2.9)
        XCTAssertEqual(starts, 0)
        stage.clock.pass(0.2)
        XCTAssertEqual(stage.told, [.audioHealed])
        XCTAssertEqual(starts, 1)
        // What the app has taken it gives back.
        stage.core.tell(stage.outgoing(.over(.farSide)))
        XCTAssertTrue(stage.phone.journal.contains(.session("deactivated by the app")))
        stage.assertManners()
    }

    func testALateActivationStartsNothingTwice() async throws {
        let stage = Stage()
        stage.core.tell(stage.outgoing())
        stage.desk.gate.want(stage.mouth.pipes)
        stage.clock.pass(3.1)
        try stage.provider.activateAudio()
        XCTAssertEqual(starts, 1)
        stage.assertManners()
    }

    func testAnActivationThatIsRefusedIsTold() async throws {
        let stage = Stage()
        AVAudioSession.sharedInstance().activationRefusal = NSError(domain: NSOSStatusErrorDomain, code: 561_017_449)
        stage.core.tell(stage.outgoing())
        stage.desk.gate.want(stage.mouth.pipes)
        stage.clock.pass(10)
        XCTAssertEqual(stage.told, [.noAudio])
        XCTAssertEqual(starts, 0)
        stage.assertManners()
    }

    func testAMicrophoneThatGivesNothingIsStartedAnewAndThenTold() async throws {
        let stage = Stage()
        try stage.talk()
        stage.clock.pass(2.1)
        XCTAssertEqual(starts, 2)
        XCTAssertEqual(stage.told, [])
        stage.clock.pass(2.1)
        XCTAssertEqual(stage.told, [.noMicrophone])
        try XCTUnwrap(AVAudioEngine.current).hear([Float](repeating: 0.1, count: 480))
        stage.clock.pass(2.1)
        XCTAssertEqual(stage.told, [.noMicrophone, .microphoneBack])
        stage.assertManners()
    }

    func testAMicrophoneThatIsHeardIsLeftAlone() async throws {
        let stage = Stage()
        try stage.talk()
        for _ in 0..<5 {
            try XCTUnwrap(AVAudioEngine.current).hear([Float](repeating: 0.1, count: 480))
            stage.clock.pass(1.9)
        }
        XCTAssertEqual(starts, 1)
        XCTAssertEqual(stage.told, [])
        stage.assertManners()
    }

    func testAnInterruptionStopsTheUnitAndItsEndStartsIt() async throws {
        let stage = Stage()
        try stage.talk()
        AVAudioSession.sharedInstance().interrupt()
        XCTAssertTrue(stage.phone.journal.contains(.unit("stopped")))
        AVAudioSession.sharedInstance().endInterruption(shouldResume: true)
        XCTAssertEqual(starts, 2)
        stage.assertManners()
    }

    func testAResetOfTheMediaServicesMakesEverythingAnew() async throws {
        let stage = Stage()
        try stage.talk()
        let before = AVAudioEngine.current
        AVAudioSession.sharedInstance().resetMediaServices()
        XCTAssertEqual(starts, 2)
        XCTAssertFalse(AVAudioEngine.current === before)
        XCTAssertEqual(AVAudioSession.sharedInstance().mode, .voiceChat)
        stage.assertManners()
    }

    func testAnotherFormatOfTheHardwareStartsTheUnitAnew() async throws {
        let stage = Stage()
        try stage.talk()
        AVAudioSession.sharedInstance().sampleRate = 16_000
        try XCTUnwrap(AVAudioEngine.current).changeConfiguration()
        XCTAssertEqual(starts, 2)
        try XCTUnwrap(AVAudioEngine.current).hear([Float](repeating: 0.5, count: 320))
        // 20 ms at 16 kHz are 960 samples at 48 kHz.
        XCTAssertEqual(stage.mouth.heard.count, 960, accuracy: 192)
        stage.assertManners()
    }

    func testTheRouteIsWhatTheSystemSays() async throws {
        let stage = Stage()
        try stage.talk()
        let headset = AVAudioSessionPortDescription(.bluetoothHFP, "Headset")
        AVAudioSession.sharedInstance().plug(headset)
        XCTAssertEqual(stage.told, [.routeChanged])
        XCTAssertEqual(stage.desk.session.route?.name, "Headset")
        AVAudioSession.sharedInstance().systemMoves(to: .speaker)
        XCTAssertEqual(stage.desk.session.route?.name, "Speaker")
        AVAudioSession.sharedInstance().unplug(headset)
        XCTAssertEqual(stage.desk.session.route, .earpiece)
        stage.assertManners()
    }

    func testSoundEndsWithTheCall() async throws {
        let stage = Stage()
        try stage.talk()
        stage.core.tell(stage.incoming("c1", .over(.farSide)))
        try stage.provider.deactivateAudio()
        XCTAssertTrue(stage.phone.journal.contains(.unit("stopped")))
        // The next call does not find it running.
        XCTAssertFalse(try XCTUnwrap(AVAudioEngine.current).isRunning)
        stage.assertManners()
    }
}
