import XCTest

@testable import Doorstep

/// Pushes: a real one that starts the app, and those that are no good.
final class PushTests: StagedTestCase {
    func testAPushStartsTheAppAndTheCallIsAnswered() async throws {
        let stage = try await stage(withPush: true)
        let wakes = try XCTUnwrap(stage.wakes)
        try await stage.openOrder("4711")
        let installation = UUID()
        let first = try stage.sdk(installation: installation, push: wakes.target)
        try await first.reachabilityStates.until("reachability") { $0 == .reachable }
        try await within("the device at push-service") { try await wakes.untilKnown(courier: "anna") }
        first.close()

        let phone = try await stage.phone("call", company)
        let push = try await wakes.apple.event("push")
        XCTAssertEqual(push["token"], wakes.target.token)
        let payload = try XCTUnwrap(push.object("payload"))

        let configuration = stage.configuration(installation: installation, push: wakes.target)
        let (doorstep, handling) = try XCTUnwrap(Doorstep.woken(configuration: configuration, by: payload))
        guard case .call(let call, isKnown: false) = try await handling.outcome() else { return XCTFail("no call") }
        XCTAssertEqual(call.direction, .incoming)
        XCTAssertEqual(call.callID, payload["call"] as? String)
        XCTAssertEqual(doorstep.calls, [call])
        // Before the INVITE has come.
        try await call.answer()
        try await call.states.until("the call") { $0 == .active(muted: false, held: false, heldByFarSide: false) }
        try await phone.event("answered")
        try await phone.event("first_audio")
        // The same push again is about the call that is there.
        let again = try XCTUnwrap(doorstep.handlePush(payload))
        let outcome = try await again.outcome()
        XCTAssertEqual(outcome, .call(call, isKnown: true))
        try await call.hangUp()
        try await phone.event("ended")
    }

    func testAPushOfTheAppsOwnIsLeftToTheApp() async throws {
        let doorstep = try offline()
        XCTAssertNil(try doorstep.handlePush(["aps": ["alert": "Your shift begins"]]))
        XCTAssertNil(
            try Doorstep.woken(configuration: .init(gateway: nowhere(), tokens: { "" }), by: ["aps": [String: Any]()]))
    }

    func testAStalePushAndOneThatIsNoJSONCome() async throws {
        let doorstep = try offline()
        let stale: [AnyHashable: Any] = [
            "v": "1", "kind": "call", "call": "0123456789abcdef", "sent_at": "1700000000000", "expires_at": "1700000030000",
        ]
        let odd: [AnyHashable: Any] = ["v": "1", "kind": "call", "call": "0123456789abcdef", "expires_at": Date()]
        for payload in [stale, odd] {
            let handling = try XCTUnwrap(doorstep.handlePush(payload))
            guard case .noCall = try await handling.outcome() else { return XCTFail("a call") }
            await assertThrows(DoorstepError.wrongState) { try await handling.outcome() }
        }
        XCTAssertEqual(doorstep.calls, [])
    }

    func testAPushTargetShowsNoToken() {
        let target = PushTarget.apns(team: "TEAM", bundle: "com.example.app", token: Data([0x00, 0x0f, 0xab]))
        XCTAssertEqual(target.param, "TEAM.com.example.app.voip")
        XCTAssertEqual(target.token, "000fab")
        var dumped = ""
        dump(target, to: &dumped)
        for text in ["\(target)", String(reflecting: target), dumped] { XCTAssertFalse(text.contains("000fab"), text) }
    }

    private func offline() throws -> Doorstep {
        try Doorstep(configuration: .init(gateway: nowhere(), tokens: { "" }))
    }

    /// Nobody listens there.
    private func nowhere() throws -> URL { try XCTUnwrap(URL(string: "ws://127.0.0.1:9/")) }
}
