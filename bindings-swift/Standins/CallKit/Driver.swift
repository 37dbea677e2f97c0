// What a scenario does to the stand-in: the courier's taps, and the system's whims. Not in Apple's CallKit.

import AVFAudio
import Foundation
import Phone

extension CXProvider {
    /// The one that the app has made last.
    public static var current: CXProvider? { Phone.current.part("CXProvider") }

    /// A tap on the system's screen: its actions, one after the other.
    public func tap(_ actions: CXAction...) { actions.forEach(perform) }

    /// The system gives the app the audio session.
    public func activateAudio() {
        let session = AVAudioSession.sharedInstance()
        session.systemActivates(true)
        delegate?.provider(self, didActivate: session)
    }

    /// The system takes the audio session back.
    public func deactivateAudio() {
        let session = AVAudioSession.sharedInstance()
        session.systemActivates(false)
        delegate?.provider(self, didDeactivate: session)
    }

    /// The system waits no longer for an action.
    public func timeOut(_ action: CXAction) {
        guard action.passTime() else { return }
        pending.removeAll { $0 === action }
        delegate?.provider(self, timedOutPerforming: action)
    }

    /// The system's daemon has restarted: it knows of no call any more.
    public func reset() {
        calls.removeAll()
        for action in pending { _ = action.passTime() }
        pending.removeAll()
        delegate?.providerDidReset(self)
    }

    func perform(_ action: CXAction) {
        pending.append(action)
        action.onCompletion = { [weak self, weak action] fulfilled in
            guard let self, let action else { return }
            pending.removeAll { $0 === action }
            completed(action, fulfilled)
        }
        if let start = action as? CXStartCallAction {
            calls[start.callUUID] = ShownCall(
                stage: .dialling, name: start.contactIdentifier, handle: start.handle.value, isOutgoing: true)
        }
        switch action {
        case let action as CXStartCallAction: delegate?.provider(self, perform: action)
        case let action as CXAnswerCallAction: delegate?.provider(self, perform: action)
        case let action as CXEndCallAction: delegate?.provider(self, perform: action)
        case let action as CXSetHeldCallAction: delegate?.provider(self, perform: action)
        case let action as CXSetMutedCallAction: delegate?.provider(self, perform: action)
        case let action as CXSetGroupCallAction: delegate?.provider(self, perform: action)
        case let action as CXPlayDTMFCallAction: delegate?.provider(self, perform: action)
        default: action.fail()
        }
    }

    func judge(_ transaction: CXTransaction) -> CXErrorCodeRequestTransactionError.Code? {
        if let transactionRefusal {
            self.transactionRefusal = nil
            return transactionRefusal
        }
        if transaction.actions.isEmpty { return .emptyTransaction }
        for action in transaction.actions {
            guard let action = action as? CXCallAction else { return .invalidAction }
            if action is CXStartCallAction {
                if live(action.callUUID) { return .callUUIDAlreadyExists }
                if calls.values.filter({ $0.stage != .ended }).count >= configuration.maximumCallGroups {
                    return .maximumCallGroupsReached
                }
            } else if !live(action.callUUID) {
                return .unknownCallUUID
            }
        }
        return nil
    }

    private func completed(_ action: CXAction, _ fulfilled: Bool) {
        switch action {
        case let action as CXStartCallAction where !fulfilled: calls[action.callUUID]?.stage = .ended
        case let action as CXAnswerCallAction: calls[action.callUUID]?.stage = fulfilled ? .connected : .ended
        case let action as CXEndCallAction where fulfilled: calls[action.callUUID]?.stage = .ended
        case let action as CXSetHeldCallAction where fulfilled: calls[action.callUUID]?.isHeld = action.isOnHold
        case let action as CXSetMutedCallAction where fulfilled: calls[action.callUUID]?.isMuted = action.isMuted
        default: break
        }
    }
}
