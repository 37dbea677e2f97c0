// CallKit: one provider and one call controller (developer.apple.com/documentation/callkit).

import AVFAudio
import CallKit
import Foundation

/// CallKit's screen. The provider calls on the main queue.
@MainActor final class CallKitSystem: CallSystem {
    weak var delegate: (any CallSystemDelegate)? {
        didSet { ears.delegate = delegate }
    }

    private let provider: CXProvider
    private let controller = CXCallController()
    private let ears = CallKitEars()

    init(look: CallScreenLook) {
        let configuration = CXProviderConfiguration()
        configuration.supportsVideo = false
        // Two calls, one of them on hold; no conferences.
        configuration.maximumCallGroups = 2
        configuration.maximumCallsPerCallGroup = 1
        configuration.supportedHandleTypes = [.generic]
        configuration.includesCallsInRecents = look.showsInRecents
        configuration.ringtoneSound = look.ringtone
        configuration.iconTemplateImageData = look.icon
        provider = CXProvider(configuration: configuration)
        provider.setDelegate(ears, queue: nil)
    }

    func reportIncoming(_ call: UUID, _ face: CallFace, then: @escaping @MainActor (SystemRefusal?) -> Void) {
        provider.reportNewIncomingCall(with: call, update: face.update) { error in
            onMain { then(error.map(SystemRefusal.init)) }
        }
    }

    func reportConnecting(_ call: UUID) { provider.reportOutgoingCall(with: call, startedConnectingAt: nil) }

    func reportConnected(_ call: UUID) { provider.reportOutgoingCall(with: call, connectedAt: nil) }

    func reportFace(_ call: UUID, _ face: CallFace) { provider.reportCall(with: call, updated: face.update) }

    func reportEnded(_ call: UUID, _ ending: CallEnding) {
        provider.reportCall(with: call, endedAt: nil, reason: ending.reason)
    }

    func request(_ request: SystemRequest, for call: UUID, then: @escaping @MainActor (_ agreed: Bool) -> Void) {
        let action: CXAction
        switch request {
        case .start(let face):
            let start = CXStartCallAction(call: call, handle: CXHandle(type: .generic, value: face.handle))
            start.contactIdentifier = face.name
            action = start
        case .answer: action = CXAnswerCallAction(call: call)
        case .end: action = CXEndCallAction(call: call)
        case .hold(let on): action = CXSetHeldCallAction(call: call, onHold: on)
        case .mute(let on): action = CXSetMutedCallAction(call: call, muted: on)
        }
        controller.request(CXTransaction(action: action)) { error in
            let agreed = error == nil
            onMain { then(agreed) }
        }
    }

    func invalidate() { provider.invalidate() }
}

/// What CallKit calls. It hands over at once, on the main queue, on which it was told to call.
private final class CallKitEars: NSObject, CXProviderDelegate, @unchecked Sendable {
    @MainActor weak var delegate: (any CallSystemDelegate)?

    func providerDidReset(_: CXProvider) {
        MainActor.assumeIsolated { delegate?.systemDidReset() }
    }

    func provider(_: CXProvider, perform action: CXStartCallAction) { hand(action, .start) }
    func provider(_: CXProvider, perform action: CXAnswerCallAction) { hand(action, .answer) }
    func provider(_: CXProvider, perform action: CXEndCallAction) { hand(action, .end) }
    func provider(_: CXProvider, perform action: CXSetHeldCallAction) { hand(action, .hold(action.isOnHold)) }
    func provider(_: CXProvider, perform action: CXSetMutedCallAction) { hand(action, .mute(action.isMuted)) }
    func provider(_: CXProvider, perform action: CXPlayDTMFCallAction) { hand(action, .digits(action.digits)) }
    func provider(_: CXProvider, perform action: CXSetGroupCallAction) { hand(action, .unsupported) }

    func provider(_: CXProvider, timedOutPerforming action: CXAction) {
        let id = action.uuid
        MainActor.assumeIsolated { delegate?.timedOut(action: id) }
    }

    func provider(_: CXProvider, didActivate _: AVAudioSession) {
        MainActor.assumeIsolated { delegate?.audioDidActivate() }
    }

    func provider(_: CXProvider, didDeactivate _: AVAudioSession) {
        MainActor.assumeIsolated { delegate?.audioDidDeactivate() }
    }

    private func hand(_ action: CXCallAction, _ kind: SystemAction.Kind) {
        // It stays on the main queue, whatever its type says.
        nonisolated(unsafe) let action = action
        MainActor.assumeIsolated {
            guard let delegate else { return action.fail() }
            let finish: @MainActor (Bool) -> Void = { done in if done { action.fulfill() } else { action.fail() } }
            delegate.perform(SystemAction(id: action.uuid, call: action.callUUID, kind: kind, finish: finish))
        }
    }
}

extension CallFace {
    fileprivate var update: CXCallUpdate {
        let update = CXCallUpdate()
        update.remoteHandle = CXHandle(type: .generic, value: handle)
        update.localizedCallerName = name
        update.hasVideo = false
        update.supportsHolding = true
        update.supportsDTMF = true
        update.supportsGrouping = false
        update.supportsUngrouping = false
        return update
    }
}

extension CallEnding {
    fileprivate var reason: CXCallEndedReason {
        switch self {
        // CallKit has no word for it: it wants an action then, and this is for when it refuses that.
        case .here, .farSide: .remoteEnded
        case .failed: .failed
        case .unanswered: .unanswered
        case .answeredElsewhere: .answeredElsewhere
        case .declinedElsewhere: .declinedElsewhere
        }
    }
}

extension SystemRefusal {
    fileprivate init(_ error: any Error) {
        guard let code = (error as? CXErrorCodeIncomingCallError)?.code else {
            self = .refused
            return
        }
        switch code {
        case .callUUIDAlreadyExists: self = .known
        case .filteredByDoNotDisturb, .filteredByBlockList: self = .silenced
        // Apple adds codes with its systems.
        default: self = .refused
        }
    }
}
