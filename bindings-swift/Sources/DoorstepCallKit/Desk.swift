// Everything of the phone's that the adapter owns, once in a process: Apple wants one provider and one registry, from the app's start
// to its end, whoever is signed in.

import Foundation

/// Joins the parts.
@MainActor final class Desk {
    /// What a desk is made of. Scenarios have a clock and a sound worker of their own.
    struct Parts {
        var clock: any AlarmClock
        var sound: any SoundWorker
        var identity: AppIdentity
    }

    let switchboard: Switchboard
    let session: VoiceSession
    let gate: SoundGate
    let identity: AppIdentity
    private let door = PushDoor()
    private let presence = Presence()
    private var hasCalls = false
    private var told: Bool?
    private var listeners: [UUID: AsyncStream<SystemCallEvent>.Continuation] = [:]

    init(look: CallScreenLook, system: any CallSystem, parts: Parts) {
        // The unit and the gate know each other; the desk outlives both.
        let wires = Wires()
        identity = parts.identity
        session = VoiceSession()
        gate = SoundGate(
            session: session, unit: EngineUnit(changed: { onMain { wires.desk?.gate.hardwareChanged() } }),
            worker: parts.sound, clock: parts.clock, tell: { wires.desk?.tell($0) })
        switchboard = Switchboard(
            system: system, clock: parts.clock, fallback: CallFace(name: look.unknownCaller, handle: look.handle))
        wires.desk = self
        switchboard.audioIsDue = { [gate] in gate.due() }
        switchboard.prepareAudio = { [gate] in gate.prepare() }
        switchboard.audioActivated = { [gate] in gate.activated() }
        switchboard.audioDeactivated = { [gate] in gate.deactivated() }
        switchboard.audioIsOver = { [gate] in gate.over() }
        switchboard.tell = { [weak self] in self?.tell($0) }
        switchboard.callsChanged = { [weak self] any in
            self?.hasCalls = any
            self?.tellBackground()
        }
        presence.networkChanged = { [weak self] in self?.switchboard.core?.networkChanged() }
        presence.backgroundChanged = { [weak self] in self?.tellBackground() }
        // The last: a push that has started the app comes now.
        door.delegate = self
    }

    /// The process's own.
    private(set) static var current: Desk?

    /// Makes it when it is first needed.
    static func open(_ look: CallScreenLook) -> Desk {
        if let current { return current }
        let parts = Parts(clock: MainQueueClock(), sound: SoundQueue(), identity: AppIdentity(team: look.team))
        let desk = Desk(look: look, system: look.makeSystem(), parts: parts)
        current = desk
        return desk
    }

    /// The way to the microphone, with or without the rest.
    static var sound: SoundGate { current?.gate ?? loose }

    /// Of an app with CallKit code of its own.
    private static let loose: SoundGate = {
        let unit = EngineUnit(changed: { onMain { Desk.sound.hardwareChanged() } })
        return SoundGate(session: VoiceSession(), unit: unit, worker: SoundQueue(), clock: MainQueueClock(), tell: { _ in })
    }()

    func attach(_ core: any CallCore) {
        switchboard.attach(core)
        told = nil
        if let token = door.token { self.token(token) }
        tellBackground()
    }

    func detach(_ core: any CallCore) {
        guard switchboard.core === core else { return }
        switchboard.detach()
    }

    func events() -> AsyncStream<SystemCallEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: SystemCallEvent.self, bufferingPolicy: .bufferingNewest(32))
        let id = UUID()
        listeners[id] = continuation
        continuation.onTermination = { [weak self] _ in onMain { self?.listeners[id] = nil } }
        return stream
    }

    /// Hears all events at once; for scenarios.
    var overhear: (SystemCallEvent) -> Void = { _ in }

    func tell(_ event: SystemCallEvent) {
        overhear(event)
        for listener in listeners.values { listener.yield(event) }
    }

    /// An app with a call is awake, whatever is in front: the call's connection is kept up.
    private func tellBackground() {
        let background = presence.isBackground && !hasCalls
        guard let core = switchboard.core, told != background else { return }
        told = background
        core.setBackground(background)
    }
}

extension Desk: PushDoorDelegate {
    func token(_ token: Data?) {
        guard let token else {
            switchboard.core?.setPushTarget(nil)
            return
        }
        guard let topic = identity.topic else { return tell(.noTeam) }
        let digits = token.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        switchboard.core?.setPushTarget(VoIPTarget(topic: topic, token: digits))
    }

    func push(_ payload: [AnyHashable: Any], mustReport: Bool, done: @escaping @MainActor () -> Void) {
        switchboard.push(payload, mustReport: mustReport, done: done)
    }
}

/// A way back to the desk from what is made before it.
@MainActor private final class Wires {
    weak var desk: Desk?
    nonisolated init() {}
}

extension CallScreenLook {
    @MainActor fileprivate func makeSystem() -> any CallSystem {
        switch screen {
        case .callKit: return CallKitSystem(look: self)
        case .liveCommunicationKit:
            #if canImport(LiveCommunicationKit)
                if #available(iOS 26.4, *) { return ConversationSystem(look: self) }
            #endif
            return CallKitSystem(look: self)
        }
    }
}
