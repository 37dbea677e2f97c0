// Pushes. The rule above all others (PushKit, PKPushType.voIP): a call is reported before the delegate's method returns, and before
// anything is parsed, asked or awaited.

import Foundation

extension Switchboard {
    /// A VoIP push. `mustReport`: the system ends the app if no call is reported now; iOS 26.4 says when that is not so, and before
    /// that it always is. `done` is called once.
    func push(_ payload: [AnyHashable: Any], mustReport: Bool, done: @escaping @MainActor () -> Void) {
        guard mustReport else {
            // In the foreground, in a call, or late: the core brings the call, if there is one, and nothing flashes up if not.
            judge(payload, nil)
            return done()
        }
        // Looked up in the dictionary, not parsed: a push of whatever kind gets this far. A call that the system has is reported
        // again under its own name, as Apple's engineers advise: it is refused as known, and counts.
        let id = (payload["call"] as? String).map(UUID.init(ofCall:)) ?? UUID()
        let known = line(id)
        let face = CallFace(
            name: payload["label"] as? String ?? fallback.name, handle: payload["order"] as? String ?? fallback.handle)
        let line = known ?? Line(id: id, shown: .ringing, face: face)
        if known == nil { lines.append(line) }
        system.reportIncoming(id, line.face) { [weak self] refusal in
            if known == nil, let refusal, refusal != .known { self?.refused(id, refusal) }
            done()
        }
        if known == nil, has(line) {
            callsChanged(true)
            watch(line, patience.ringing, .unanswered, .decline(busy: false))
        }
        // Declined a moment ago, and now it rings anew.
        if let known, known.isOffScreen { system.reportEnded(id, .farSide) }
        judge(payload, line)
    }

    /// Asks the core what it makes of a push.
    private func judge(_ payload: [AnyHashable: Any], _ line: Line?) {
        guard let core else {
            if let line, line.call == nil { end(line, .failed) }
            return
        }
        // The line is kept: the call of one that was given up meanwhile must still be declined.
        core.handlePush(payload) { [weak self] verdict in self?.judged(verdict, line) }
    }

    private func judged(_ verdict: PushVerdict, _ line: Line?) {
        guard let line else { return }
        guard has(line) else {
            // Refused by the system, or given up, while the core was thinking.
            if case .call(let call) = verdict, line.isUnwanted, !isGone(call) {
                bury(call)
                core?.perform(.decline(busy: true), on: call) { _ in }
            }
            return
        }
        switch verdict {
        case .call(let call):
            // The change that tells of the call may come before or after this.
            if line.call == nil {
                if let other = self.line(of: call), other !== line {
                    // The call is on the screen under another name.
                    return end(line, .answeredElsewhere)
                }
                bind(line, CoreCall(id: call, isOutgoing: false, stage: .ringing))
            }
        case .noCall(let ending):
            // A late push for a call that goes on changes nothing.
            if line.call == nil { end(line, ending) }
        }
    }

    /// The core's call is this line's. What the courier did before is done now.
    func bind(_ line: Line, _ call: CoreCall) {
        line.call = call
        if line.isUnwanted {
            core?.perform(.decline(busy: false), on: call.id) { _ in }
            return close(line)
        }
        if let answer = line.answer {
            line.answer = nil
            take(answer, line, call)
        }
    }

    /// The system will not ring for it: the caller must not wait for a phone that is silent.
    func refused(_ id: UUID, _ refusal: SystemRefusal) {
        guard let line = line(id) else { return }
        line.isUnwanted = true
        if let call = line.call { core?.perform(.decline(busy: true), on: call.id) { _ in } }
        tell(.callRefused(silenced: refusal == .silenced))
        close(line)
    }
}
