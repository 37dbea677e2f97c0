// What the courier does on the system's screen, and what the system agrees to. Each action is completed once.

import Foundation

extension Switchboard: CallSystemDelegate {
    func perform(_ action: SystemAction) {
        guard let line = line(action.call) else { return action.complete(false) }
        actions[action.id] = action
        switch action.kind {
        case .start: start(action, line)
        case .answer: answer(action, line)
        case .end: hangUp(action, line)
        case .hold(let on): set(.hold, on, action, line)
        case .mute(let on): set(.mute, on, action, line)
        case .digits(let digits):
            guard let call = line.call, let core else { return finish(action, false) }
            core.perform(.digits(digits), on: call.id) { [weak self] done in self?.finish(action, done) }
        case .unsupported: finish(action, false)
        }
    }

    func timedOut(action id: UUID) {
        guard let action = actions.removeValue(forKey: id) else { return }
        action.abandon()
        guard let line = line(action.call) else { return }
        switch action.kind {
        case .start, .answer:
            if line.answer === action { line.answer = nil }
            guard let call = line.call else {
                line.isUnwanted = true
                return takeOffScreen(line, .failed)
            }
            core?.perform(.hangUp, on: call.id) { _ in }
            end(line, .failed)
        case .end: end(line, .here)
        // The core may still do it: its next change brings both in step.
        case .hold: line.underWay.remove(.hold)
        case .mute: line.underWay.remove(.mute)
        case .digits, .unsupported: break
        }
    }

    /// The system's daemon has restarted: all calls are gone for it, and none may go on unseen.
    func systemDidReset() {
        for action in actions.values { action.abandon() }
        actions.removeAll()
        for line in lines {
            line.answer = nil
            line.isUnwanted = true
            if let call = line.call { core?.perform(.hangUp, on: call.id) { _ in } }
            close(line)
        }
        audioIsOver()
    }

    func audioDidActivate() { audioActivated() }

    func audioDidDeactivate() { audioDeactivated() }

    private func start(_ action: SystemAction, _ line: Line) {
        prepareAudio()
        line.shown = .dialling
        finish(action, true)
        system.reportConnecting(line.id)
        audioIsDue()
        if let call = line.call { follow(line, call) }
    }

    private func answer(_ action: SystemAction, _ line: Line) {
        line.underWay.insert(.answer)
        prepareAudio()
        watch(line, patience.connecting, .failed, .hangUp)
        guard let call = line.call else {
            // Faster than the core: it is done as soon as it knows the call.
            line.answer = action
            return
        }
        take(action, line, call)
    }

    /// The core takes the call; before its INVITE has come, too.
    func take(_ action: SystemAction, _ line: Line, _ call: CoreCall) {
        guard call.stage == .ringing, let core else {
            // Taken in the app already.
            return taken(action, line, [.answering, .talking, .reconnecting].contains(call.stage))
        }
        core.perform(.answer, on: call.id) { [weak self, weak line] done in
            guard let self, let line else { return }
            taken(action, line, done)
        }
    }

    private func taken(_ action: SystemAction, _ line: Line, _ done: Bool) {
        line.underWay.remove(.answer)
        finish(action, done)
        guard has(line) else { return }
        guard done else {
            if let call = line.call { core?.perform(.hangUp, on: call.id) { _ in } }
            // The action that failed has taken it off the screen.
            return close(line)
        }
        line.shown = .talking
        audioIsDue()
        if let call = line.call { follow(line, call) }
    }

    private func hangUp(_ action: SystemAction, _ line: Line) {
        line.answer.map { finish($0, false) }
        line.answer = nil
        guard let call = line.call else {
            // The core will hear of it when it knows the call. Until then the line waits, unseen.
            line.isUnwanted = true
            line.isOffScreen = true
            return finish(action, true)
        }
        switch call.stage {
        case .over: break
        case .ringing where !call.isOutgoing: core?.perform(.decline(busy: false), on: call.id) { _ in }
        case .ringing, .dialling, .answering, .talking, .reconnecting: core?.perform(.hangUp, on: call.id) { _ in }
        }
        // Whatever the core says: for the courier it is over.
        close(line)
        finish(action, true)
    }

    private func set(_ errand: Errand, _ on: Bool, _ action: SystemAction, _ line: Line) {
        let before = errand == .hold ? line.isHeld : line.isMuted
        let show: @MainActor (Bool) -> Void = { if errand == .hold { line.isHeld = $0 } else { line.isMuted = $0 } }
        guard let call = line.call, let core else { return finish(action, false) }
        show(on)
        guard (errand == .hold ? call.isHeld : call.isMuted) != on else {
            line.underWay.remove(errand)
            return finish(action, true)
        }
        line.underWay.insert(errand)
        core.perform(errand == .hold ? .hold(on) : .mute(on), on: call.id) { [weak self] done in
            line.underWay.remove(errand)
            if !done { show(before) }
            self?.finish(action, done)
            // What the core has said meanwhile.
            if let self, has(line), let call = line.call, done { settle(line, call, errand, on) }
        }
    }

    /// The core's change may come after its answer: until then what it took on counts.
    private func settle(_ line: Line, _ call: CoreCall, _ errand: Errand, _ on: Bool) {
        if errand == .hold { line.call?.isHeld = on } else { line.call?.isMuted = on }
    }

    private func finish(_ action: SystemAction, _ done: Bool) {
        actions.removeValue(forKey: action.id)
        action.complete(done)
    }
}
