// LiveCommunicationKit, in place of CallKit (developer.apple.com/documentation/livecommunicationkit). From iOS 26.4 on: its report is
// asynchronous, and PushKit's older method wants the report before it returns.

#if canImport(LiveCommunicationKit)
    import AVFAudio
    import Foundation
    import LiveCommunicationKit

    /// LiveCommunicationKit's screen.
    @available(iOS 26.4, *)
    @MainActor final class ConversationSystem: CallSystem {
        weak var delegate: (any CallSystemDelegate)? {
            didSet { ears.delegate = delegate }
        }

        private let manager: ConversationManager
        private let ears = ConversationEars()

        init(look: CallScreenLook) {
            let configuration = ConversationManager.Configuration(
                ringtoneName: look.ringtone, iconTemplateImageData: look.icon, maximumConversationGroups: 2,
                maximumConversationsPerConversationGroup: 1, includesConversationInRecents: look.showsInRecents,
                supportsVideo: false, supportedHandleTypes: [.generic])
            manager = ConversationManager(configuration: configuration)
            manager.delegate = ears
        }

        func reportIncoming(_ call: UUID, _ face: CallFace, then: @escaping @MainActor (SystemRefusal?) -> Void) {
            if conversation(call) != nil { return then(.known) }
            let report = { @MainActor [manager] in
                do {
                    try await manager.reportNewIncomingConversation(uuid: call, update: face.update)
                    then(nil)
                } catch {
                    then(.refused)
                }
            }
            // At once, up to where it waits for the system.
            #if compiler(>=6.2)
                Task.immediate { await report() }
            #else
                Task { await report() }
            #endif
        }

        func reportConnecting(_ call: UUID) { report(.conversationStartedConnecting(Date()), call) }

        func reportConnected(_ call: UUID) { report(.conversationConnected(Date()), call) }

        func reportFace(_ call: UUID, _ face: CallFace) { report(.conversationUpdated(face.update), call) }

        func reportEnded(_ call: UUID, _ ending: CallEnding) { report(.conversationEnded(Date(), ending.reason), call) }

        func request(_ request: SystemRequest, for call: UUID, then: @escaping @MainActor (_ agreed: Bool) -> Void) {
            let action: ConversationAction
            switch request {
            case .start(let face):
                action = StartConversationAction(conversationUUID: call, handles: [face.member], isVideo: false)
            case .answer: action = JoinConversationAction(conversationUUID: call)
            case .end: action = EndConversationAction(conversationUUID: call)
            case .hold(let on): action = PauseConversationAction(conversationUUID: call, isPaused: on)
            case .mute(let on): action = MuteConversationAction(conversationUUID: call, isMuted: on)
            }
            Task {
                do {
                    try await manager.perform([action])
                    then(true)
                } catch {
                    then(false)
                }
            }
        }

        func invalidate() { manager.invalidate() }

        private func conversation(_ call: UUID) -> Conversation? { manager.conversations.first { $0.uuid == call } }

        private func report(_ event: Conversation.Event, _ call: UUID) {
            conversation(call).map { manager.reportConversationEvent(event, for: $0) }
        }
    }

    /// What LiveCommunicationKit calls, on the main queue.
    @available(iOS 26.4, *)
    private final class ConversationEars: ConversationManagerDelegate, @unchecked Sendable {
        @MainActor weak var delegate: (any CallSystemDelegate)?

        nonisolated init() {}

        func conversationManagerDidBegin(_: ConversationManager) {}

        func conversationManagerDidReset(_: ConversationManager) {
            onMain { self.delegate?.systemDidReset() }
        }

        func conversationManager(_: ConversationManager, conversationChanged _: Conversation) {}

        func conversationManager(_: ConversationManager, perform action: ConversationAction) {
            nonisolated(unsafe) let action = action
            onMain {
                guard let delegate = self.delegate else { return action.fail() }
                let finish: @MainActor (Bool) -> Void = { done in done ? action.done() : action.fail() }
                delegate.perform(
                    SystemAction(id: action.uuid, call: action.conversationUUID, kind: action.kind, finish: finish))
            }
        }

        func conversationManager(_: ConversationManager, timedOutPerforming action: ConversationAction) {
            let id = action.uuid
            onMain { self.delegate?.timedOut(action: id) }
        }

        func conversationManager(_: ConversationManager, didActivate _: AVAudioSession) {
            onMain { self.delegate?.audioDidActivate() }
        }

        func conversationManager(_: ConversationManager, didDeactivate _: AVAudioSession) {
            onMain { self.delegate?.audioDidDeactivate() }
        }
    }

    @available(iOS 26.4, *)
    extension ConversationAction {
        fileprivate var kind: SystemAction.Kind {
            switch self {
            case is StartConversationAction: .start
            case is JoinConversationAction: .answer
            case is EndConversationAction: .end
            case let pause as PauseConversationAction: .hold(pause.isPaused)
            case let mute as MuteConversationAction: .mute(mute.isMuted)
            case let tone as PlayToneAction: .digits(tone.digits)
            // Merging, translation, and what is to come.
            default: .unsupported
            }
        }

        fileprivate func done() {
            switch self {
            case let start as StartConversationAction: start.fulfill(dateStarted: Date())
            case let join as JoinConversationAction: join.fulfill(dateConnected: Date())
            case let end as EndConversationAction: end.fulfill(dateEnded: Date())
            default: fulfill()
            }
        }
    }

    @available(iOS 26.4, *)
    extension CallFace {
        fileprivate var member: Handle { Handle(type: .generic, value: handle, displayName: name) }

        fileprivate var update: Conversation.Update {
            Conversation.Update(
                members: [member], activeRemoteMembers: [member], capabilities: [.pausing, .playingTones])
        }
    }

    @available(iOS 26.4, *)
    extension CallEnding {
        fileprivate var reason: Conversation.EndedReason {
            switch self {
            case .here, .farSide: .remoteEnded
            case .failed: .failed
            case .unanswered: .unanswered
            case .answeredElsewhere: .joinedElsewhere
            case .declinedElsewhere: .declinedElsewhere
            }
        }
    }
#endif
