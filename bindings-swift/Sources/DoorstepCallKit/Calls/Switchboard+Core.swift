// What the core tells: calls come, change and end.

import Foundation

extension Switchboard {
    func changed(_ call: CoreCall) {
        guard !isGone(call.id) else { return }
        let known = line(of: call.id) ?? call.name.flatMap { line(UUID(ofCall: $0)) }
        if case .over(let ending) = call.stage {
            if let known { over(known, call, ending) }
            return
        }
        guard let line = known else { return appeared(call) }
        if line.call == nil {
            bind(line, call)
            // The courier has declined it in the meantime.
            guard line.call != nil, has(line) else { return }
        }
        line.call = call
        follow(line, call)
    }

    /// A call that the system does not know: the app is running, and it was called or is calling.
    private func appeared(_ call: CoreCall) {
        let face = face(of: call)
        guard call.isOutgoing else {
            let id = call.name.map(UUID.init(ofCall:)) ?? UUID()
            let line = open(id, .ringing, face)
            line.call = call
            watch(line, patience.ringing, .unanswered, .decline(busy: false))
            system.reportIncoming(id, face) { [weak self] refusal in
                if let refusal, refusal != .known { self?.refused(id, refusal) }
            }
            if has(line) { follow(line, call) }
            return
        }
        let line = open(UUID(), .asked, face)
        line.call = call
        system.request(.start(face), for: line.id) { [weak self, weak line] agreed in
            guard !agreed, let self, let line else { return }
            // Without the system there is no audio session: the call could not be heard.
            core?.perform(.hangUp, on: call.id) { _ in }
            tell(.callRefused(silenced: false))
            close(line)
        }
    }

    /// Brings the system in step.
    func follow(_ line: Line, _ call: CoreCall) {
        let face = face(of: call)
        if face != line.face, call.label != nil || call.order != nil {
            line.face = face
            system.reportFace(line.id, face)
        }
        switch (call.stage, line.shown) {
        case (.answering, .ringing), (.talking, .ringing), (.reconnecting, .ringing):
            // Answered in the app.
            ask(.answer, .answer, line)
        case (.talking, .dialling):
            line.shown = .talking
            system.reportConnected(line.id)
        case (.talking, .talking):
            line.watchdog?.cancel()
        case (.dialling, _), (.ringing, _), (.answering, _), (.talking, .asked), (.reconnecting, _), (.over, _):
            break
        }
        guard line.shown == .talking || line.shown == .dialling, call.stage != .reconnecting else { return }
        if call.isMuted != line.isMuted { ask(.mute, .mute(call.isMuted), line) }
        if call.isHeld != line.isHeld { ask(.hold, .hold(call.isHeld), line) }
    }

    /// Asks the system for what the core has already done, unless it is being done.
    private func ask(_ errand: Errand, _ request: SystemRequest, _ line: Line) {
        guard line.underWay.insert(errand).inserted else { return }
        system.request(request, for: line.id) { [weak self, weak line] agreed in
            guard let line else { return }
            guard !agreed else { return }
            line.underWay.remove(errand)
            self?.disagreed(request, line)
        }
    }

    private func disagreed(_ request: SystemRequest, _ line: Line) {
        guard let call = line.call, has(line) else { return }
        switch request {
        case .answer, .start:
            core?.perform(.hangUp, on: call.id) { _ in }
            end(line, .failed)
        case .end:
            end(line, .here)
        // It shows what it wants; asked again it would say the same.
        case .hold(let on): line.isHeld = on
        case .mute(let on): line.isMuted = on
        }
    }

    private func over(_ line: Line, _ call: CoreCall, _ ending: CallEnding) {
        line.call = call
        line.watchdog?.cancel()
        guard ending == .here, line.shown != .asked else { return end(line, ending) }
        // Only an action makes it "the courier hung up" for the system.
        ask(.end, .end, line)
    }
}
