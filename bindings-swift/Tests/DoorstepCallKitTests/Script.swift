// A core that follows a script, a clock that a scenario turns, and a phone to ring.

import AVFAudio
import CallKit
import Foundation
import Phone
import PushKit
import UIKit
import XCTest

@testable import DoorstepCallKit

/// The core's side of a scenario: it notes what it is asked, and answers when told.
@MainActor final class ScriptedCore: CallCore {
    /// What comes of pushes, by their `call`; a push that is not here waits for ``decide(_:_:)``.
    var verdicts: [String: PushVerdict] = [:]
    /// Wishes that are refused.
    var refusals: [CallWish] = []
    /// Wishes whose answer waits for ``answer(_:)``.
    var slow: [CallWish] = []
    private(set) var wishes: [(wish: CallWish, call: UInt64)] = []
    private(set) var target: VoIPTarget?
    private(set) var targets = 0
    private(set) var networkChanges = 0
    private(set) var background: [Bool] = []
    private var observer: (@MainActor (CoreCall) -> Void)?
    private var waiting: [String: @MainActor (PushVerdict) -> Void] = [:]
    private var unanswered: [(CallWish, @MainActor (Bool) -> Void)] = []

    func observe(_ observer: (@MainActor (CoreCall) -> Void)?) { self.observer = observer }

    func handlePush(_ payload: [AnyHashable: Any], then: @escaping @MainActor (PushVerdict) -> Void) {
        let name = payload["call"] as? String ?? ""
        Phone.current.note(.core("push \(name)"))
        if let verdict = verdicts[name] { then(verdict) } else { waiting[name] = then }
    }

    func decide(_ name: String, _ verdict: PushVerdict) { waiting.removeValue(forKey: name)?(verdict) }

    func perform(_ wish: CallWish, on call: UInt64, then: @escaping @MainActor (_ done: Bool) -> Void) {
        wishes.append((wish, call))
        if slow.contains(wish) { unanswered.append((wish, then)) } else { then(!refusals.contains(wish)) }
    }

    func answer(_ done: Bool) {
        let all = unanswered
        unanswered.removeAll()
        for (_, then) in all { then(done) }
    }

    func setPushTarget(_ target: VoIPTarget?) {
        self.target = target
        targets += 1
    }
    func networkChanged() { networkChanges += 1 }
    func setBackground(_ on: Bool) { background.append(on) }

    func tell(_ call: CoreCall) { observer?(call) }

    func asked(_ wish: CallWish, of call: UInt64 = 1) -> Int { wishes.count { $0.wish == wish && $0.call == call } }
}

/// Time that stands still until it is told to pass.
@MainActor final class ScriptedClock: AlarmClock {
    private var now: TimeInterval = 0
    private var alarms: [(at: TimeInterval, alarm: Alarm)] = []

    func after(_ seconds: TimeInterval, _ work: @escaping @MainActor @Sendable () -> Void) -> Alarm {
        let alarm = Alarm(work)
        alarms.append((now + seconds, alarm))
        return alarm
    }

    func pass(_ seconds: TimeInterval) {
        let end = now + seconds
        while let next = alarms.filter({ $0.at <= end }).min(by: { $0.at < $1.at }) {
            now = max(now, next.at)
            alarms.removeAll { $0.alarm === next.alarm }
            next.alarm.ring()
        }
        now = end
    }
}

/// Starts and stops of the audio unit happen at once.
struct PromptWorker: SoundWorker {
    func run(_ work: @escaping @Sendable () -> Bool, then: @escaping @MainActor @Sendable (_ done: Bool) -> Void) {
        let done = work()
        onMain { then(done) }
    }
}

/// What the far side hears, and a tone for it to say.
final class Mouth: @unchecked Sendable {
    private(set) var heard: [Int16] = []

    var pipes: VoicePipes {
        VoicePipes(
            captureRate: 48_000, playoutRate: 48_000,
            capture: { self.heard.append(contentsOf: UnsafeBufferPointer(start: $0, count: $1)) },
            playout: { samples, count in for index in 0..<count { samples[index] = 8_192 } })
    }
}

/// One scenario: a fresh phone with the app started on it, and a courier signed in.
@MainActor final class Stage {
    let phone: Phone
    let core = ScriptedCore()
    let clock = ScriptedClock()
    let desk: Desk
    let mouth = Mouth()
    private(set) var told: [SystemCallEvent] = []

    init(signedIn: Bool = true, look: CallScreenLook = CallScreenLook(), inBackground: Bool = false, team: String? = "TEAM") {
        phone = Phone.fresh()
        UIApplication.shared.applicationState = inBackground ? .background : .active
        let identity = AppIdentity(bundle: "com.example.courier", team: team, environment: .sandbox)
        desk = Desk(
            look: look, system: CallKitSystem(look: look),
            parts: .init(clock: clock, sound: PromptWorker(), identity: identity))
        desk.overhear = { [weak self] in self?.told.append($0) }
        if signedIn { desk.attach(core) }
    }

    var provider: CXProvider { get throws { try XCTUnwrap(CXProvider.current) } }
    var registry: PKPushRegistry { get throws { try XCTUnwrap(PKPushRegistry.current) } }

    func shown(_ name: String) throws -> ShownCall { try XCTUnwrap(provider.calls[id(name)]) }
    func id(_ name: String) -> UUID { UUID(ofCall: name) }

    /// A push of PROTOCOL.md section 2.
    func payload(_ name: String, label: String? = nil, kind: String = "incoming") -> [AnyHashable: Any] {
        var fields: [AnyHashable: Any] = ["aps": [String: String](), "v": 1, "call": name, "order": "4711", "kind": kind]
        fields["label"] = label
        return fields
    }

    func incoming(_ name: String? = "c1", id: UInt64 = 1, _ stage: CoreCall.Stage = .ringing, label: String? = "Order 4711")
        -> CoreCall
    {
        CoreCall(id: id, name: name, isOutgoing: false, order: "4711", label: label, stage: stage)
    }
    func outgoing(id: UInt64 = 1, _ stage: CoreCall.Stage = .dialling) -> CoreCall {
        CoreCall(id: id, name: nil, isOutgoing: true, order: "4711", label: "Order 4711", stage: stage)
    }

    /// A call that rang through a push, was answered on the lock screen, and is through; with its sound.
    func talk(_ name: String = "c1", id: UInt64 = 1) throws {
        core.verdicts[name] = .call(id)
        try registry.deliver(payload(name))
        core.tell(incoming(name, id: id))
        try provider.tap(CXAnswerCallAction(call: self.id(name)))
        core.tell(incoming(name, id: id, .answering))
        core.tell(incoming(name, id: id, .talking))
        desk.gate.want(mouth.pipes)
        try provider.activateAudio()
    }

    /// The phone's only outgoing call.
    func dialled() throws -> UUID { try XCTUnwrap(try provider.calls.first { $0.value.isOutgoing }?.key) }

    /// In every scenario: each push was reported exactly once, before anything else happened, and was completed once; and nothing was
    /// done for which the system ends an app.
    func assertManners(file: StaticString = #filePath, line: UInt = #line) {
        XCTAssertEqual(phone.killed, [], file: file, line: line)
        let journal = phone.journal
        for (place, happening) in journal.enumerated() {
            guard case .pushDelivered(let number) = happening, !excused.contains(number) else { continue }
            let next = journal.indices.contains(place + 1) ? journal[place + 1] : nil
            if case .reported = next {
            } else {
                XCTFail("push \(number): \(String(describing: next)) came first", file: file, line: line)
            }
            XCTAssertEqual(journal.count { $0 == .pushCompleted(number) }, 1, file: file, line: line)
            let until =
                journal[(place + 1)...].firstIndex { if case .pushDelivered = $0 { true } else { false } } ?? journal.endIndex
            let reports = journal[place..<until].count { if case .reported = $0 { true } else { false } }
            XCTAssertGreaterThanOrEqual(reports, 1, file: file, line: line)
        }
    }

    /// Pushes of which iOS 26.4 has said that they need not be reported.
    var excused: Set<Int> = []

    func ended(_ id: UUID) -> [Int] {
        phone.journal.compactMap { if case .ended(id, let reason) = $0 { reason } else { nil } }
    }
}
