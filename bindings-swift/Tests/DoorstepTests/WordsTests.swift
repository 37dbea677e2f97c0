import XCTest

@testable import Doorstep

/// What couriers read, and what programs compare.
final class WordsTests: StagedTestCase {
    func testAURLThatIsNoneIsAnErrorAtOnce() throws {
        let gateway = try XCTUnwrap(URL(string: "https://example.com"))
        XCTAssertThrowsError(try Doorstep(configuration: .init(gateway: gateway, tokens: { "" }))) { error in
            guard case .invalidGateway(let why) = error as? DoorstepError else { return XCTFail("\(error)") }
            XCTAssertFalse(why.isEmpty)
        }
    }

    func testAPinThatIsNoneIsAnErrorAtOnce() throws {
        let gateway = try XCTUnwrap(URL(string: "wss://example.com/ws"))
        let configuration = Configuration(gateway: gateway, pins: ["sha256//no"], tokens: { "" })
        XCTAssertThrowsError(try Doorstep(configuration: configuration)) {
            XCTAssertEqual($0 as? DoorstepError, .invalidPin)
        }
    }

    func testEveryErrorSaysWhatIsWrongAndWhatToDo() {
        let errors: [DoorstepError] = [
            .invalidGateway(why: "no"), .invalidPin, .platform, .shutDown, .tooBusy, .callOver, .wrongState, .invalidTarget,
            .invalidDigit, .tooManyDigits, .invalidRate,
        ]
        for error in errors {
            XCTAssertFalse(error.localizedDescription.isEmpty)
            XCTAssertNotEqual(error.recoverySuggestion ?? "", "")
        }
        XCTAssertEqual(Set(errors.map(\.localizedDescription)).count, errors.count)
    }

    func testEveryReasonHasACodeOfItsOwnAndASentence() {
        XCTAssertEqual(Set(EndReason.allCases.map(\.code)).count, EndReason.allCases.count)
        for reason in EndReason.allCases { XCTAssertTrue(reason.text.count > 5, reason.code) }
        XCTAssertEqual(EndReason.notYourOrder.code, "not_your_order")
    }

    func testTheLogTellsNoNumberAndNoToken() async throws {
        let lines = Locked<[DoorstepLog.Line]>([])
        try DoorstepLog.send(from: .debug) { line in lines.with { $0.append(line) } }
        XCTAssertThrowsError(try DoorstepLog.send { _ in }) { XCTAssertEqual($0 as? DoorstepError, .wrongState) }

        let stage = try await stage()
        try await stage.openOrder("4711")
        let token = try stage.token()
        let wav = stage.file("speech.wav")
        try Sound.wav(of: Sound.tone(hertz: 600, rate: 8000, count: 8000 * 20)).write(to: wav)
        let phone = try await stage.phone("answer", "--after", "0", says: wav)
        let doorstep = try Doorstep(configuration: .init(gateway: stage.edge, tokens: { token }))
        let firstAudio = doorstep.events
        let call = try await doorstep.contactCustomer(order: "4711")
        try await firstAudio.until("sound") { $0 == .firstAudio(call) }
        try await call.hangUp()
        try await phone.event("ended")
        // What goes wrong is told.
        let nowhere = try XCTUnwrap(URL(string: "ws://127.0.0.1:9/"))
        let lost = try Doorstep(configuration: .init(gateway: nowhere, tokens: { token }))
        try await lost.events.until("a failure") { if case .connectFailed(let text) = $0 { !text.isEmpty } else { false } }
        try await eventually("lines") { lines.with { !$0.isEmpty } }
        for line in lines.with({ $0 }) {
            XCTAssertFalse(line.text.contains(customer.dropFirst()), "a number in the log")
            XCTAssertFalse(line.text.contains(token), "a token in the log")
        }
    }
}
