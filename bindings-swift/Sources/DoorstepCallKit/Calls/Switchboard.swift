// Joins the core's calls and the system's. The core's state is the truth; the system is brought in step with it, and what the courier
// does on the system's screen becomes a wish to the core.

import Foundation

/// The table of calls, and the rules between the two sides. Pushes, the core's changes and the system's actions have a file each.
@MainActor final class Switchboard {
    /// How long a call may ring, and how long one that is answered may take to come about. The core's own deadlines are shorter: these
    /// are for a core that does not answer at all.
    struct Patience {
        var ringing: TimeInterval = 90
        var connecting: TimeInterval = 45
    }

    /// Gone calls that are remembered: late changes of theirs open no new line.
    private static let graves = 64

    let system: any CallSystem
    let clock: any AlarmClock
    let patience: Patience
    /// Named when the company says nothing else.
    let fallback: CallFace
    var core: (any CallCore)?
    var lines: [Line] = []
    var actions: [UUID: SystemAction] = [:]
    private var gone: [UInt64] = []

    /// A call needs the audio session from now on.
    var audioIsDue: () -> Void = {}
    /// The system has given it, or taken it back.
    var audioActivated: () -> Void = {}
    var audioDeactivated: () -> Void = {}
    /// The audio session must be ready for a call.
    var prepareAudio: () -> Void = {}
    /// The system does not know of calls any more, or there are none.
    var audioIsOver: () -> Void = {}
    /// There are calls, or there are none any more.
    var callsChanged: (_ any: Bool) -> Void = { _ in }
    var tell: (SystemCallEvent) -> Void = { _ in }

    init(system: any CallSystem, clock: any AlarmClock, fallback: CallFace, patience: Patience = Patience()) {
        self.system = system
        self.clock = clock
        self.fallback = fallback
        self.patience = patience
        system.delegate = self
    }

    /// From now on this core's calls are on the screen; another core's end.
    func attach(_ core: any CallCore) {
        detach()
        self.core = core
        core.observe { [weak self] call in self?.changed(call) }
    }

    /// Nobody is signed in: pushes are still reported, and ended.
    func detach() {
        core?.observe(nil)
        core = nil
        for line in lines { end(line, .failed) }
    }

    // MARK: the table

    func line(_ id: UUID) -> Line? { lines.first { $0.id == id } }

    func line(of call: UInt64) -> Line? { lines.first { $0.call?.id == call } }

    func isGone(_ call: UInt64) -> Bool { gone.contains(call) }

    func open(_ id: UUID, _ shown: Line.Shown, _ face: CallFace) -> Line {
        let line = Line(id: id, shown: shown, face: face)
        lines.append(line)
        if lines.count == 1 { callsChanged(true) }
        return line
    }

    /// Takes the line off the table. The system knows already.
    func close(_ line: Line) {
        line.watchdog?.cancel()
        line.answer?.complete(false)
        line.answer = nil
        lines.removeAll { $0 === line }
        if let call = line.call?.id { bury(call) }
        if lines.isEmpty {
            audioIsOver()
            callsChanged(false)
        }
    }

    /// Takes the line off the screen and off the table.
    func end(_ line: Line, _ ending: CallEnding) {
        takeOffScreen(line, ending)
        close(line)
    }

    func takeOffScreen(_ line: Line, _ ending: CallEnding) {
        if let answer = line.answer {
            // An answer that fails takes the call off the screen, too.
            line.answer = nil
            line.isOffScreen = true
            answer.complete(false)
        }
        guard !line.isOffScreen else { return }
        line.isOffScreen = true
        system.reportEnded(line.id, ending)
    }

    /// Changes of this call are not looked at any more.
    func bury(_ call: UInt64) {
        gone.append(call)
        if gone.count > Self.graves { gone.removeFirst() }
    }

    func has(_ line: Line) -> Bool { lines.contains { $0 === line } }

    func watch(_ line: Line, _ seconds: TimeInterval, _ ending: CallEnding, _ wish: CallWish) {
        line.watchdog?.cancel()
        line.watchdog = clock.after(seconds) { [weak self, weak line] in
            guard let self, let line, has(line) else { return }
            line.isUnwanted = true
            if let call = line.call?.id { core?.perform(wish, on: call) { _ in } }
            end(line, ending)
        }
    }

    func face(of call: CoreCall) -> CallFace {
        CallFace(name: call.label ?? fallback.name, handle: call.order ?? fallback.handle)
    }
}
