// Stand-in of LiveCommunicationKit for Linux (developer.apple.com/documentation/livecommunicationkit).

import AVFAudio
import Foundation
import Phone

public struct Handle: Hashable, Sendable {
    public enum Kind: Sendable { case generic, phoneNumber, emailAddress }
    public let type: Kind
    public let value: String
    public let displayName: String?
    public init(type: Kind, value: String, displayName: String? = nil) {
        (self.type, self.value, self.displayName) = (type, value, displayName)
    }
}

public final class Conversation: @unchecked Sendable {
    public struct Capabilities: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        public static let pausing = Capabilities(rawValue: 1)
        public static let playingTones = Capabilities(rawValue: 2)
        public static let merging = Capabilities(rawValue: 4)
    }
    public struct Update: Sendable {
        public var members: Set<Handle>?
        public var activeRemoteMembers: Set<Handle>?
        public var capabilities: Capabilities?
        public init(
            members: Set<Handle>? = nil, activeRemoteMembers: Set<Handle>? = nil, capabilities: Capabilities? = nil
        ) {
            (self.members, self.activeRemoteMembers, self.capabilities) = (members, activeRemoteMembers, capabilities)
        }
    }
    public enum EndedReason: Int, Sendable {
        case failed = 1
        case remoteEnded, unanswered, joinedElsewhere, declinedElsewhere
    }
    public enum Event: Sendable {
        case conversationUpdated(Update)
        case conversationStartedConnecting(Date)
        case conversationConnected(Date)
        case conversationEnded(Date, EndedReason)
    }
    public let uuid: UUID
    init(_ uuid: UUID) { self.uuid = uuid }
}

open class ConversationAction {
    public let uuid = UUID()
    public let conversationUUID: UUID
    private let lock = NSLock()
    private var complete = false
    public init(conversationUUID: UUID) { self.conversationUUID = conversationUUID }
    public final func fulfill() { finish(.fulfilled("\(type(of: self))", conversationUUID)) }
    public final func fail() { finish(.failed("\(type(of: self))", conversationUUID)) }
    private func finish(_ how: Happening) {
        let again = lock.withLock {
            defer { complete = true }
            return complete
        }
        if again { Phone.current.kill("\(type(of: self)) was completed twice") } else { Phone.current.note(how) }
    }
}

public final class StartConversationAction: ConversationAction {
    public let handles: [Handle]
    public let isVideo: Bool
    public init(conversationUUID: UUID, handles: [Handle], isVideo: Bool) {
        (self.handles, self.isVideo) = (handles, isVideo)
        super.init(conversationUUID: conversationUUID)
    }
    public func fulfill(dateStarted: Date) { fulfill() }
}
public final class JoinConversationAction: ConversationAction {
    public func fulfill(dateConnected: Date) { fulfill() }
}
public final class EndConversationAction: ConversationAction {
    public func fulfill(dateEnded: Date) { fulfill() }
}
public final class PauseConversationAction: ConversationAction {
    public let isPaused: Bool
    public init(conversationUUID: UUID, isPaused: Bool) {
        self.isPaused = isPaused
        super.init(conversationUUID: conversationUUID)
    }
}
public final class MuteConversationAction: ConversationAction {
    public let isMuted: Bool
    public init(conversationUUID: UUID, isMuted: Bool) {
        self.isMuted = isMuted
        super.init(conversationUUID: conversationUUID)
    }
}
public final class PlayToneAction: ConversationAction {
    public enum ToneType: Sendable { case single, softPause, hardPause }
    public let digits: String
    public init(conversationUUID: UUID, digits: String, tone: ToneType) {
        self.digits = digits
        super.init(conversationUUID: conversationUUID)
    }
}

public protocol ConversationManagerDelegate: AnyObject {
    func conversationManagerDidBegin(_ manager: ConversationManager)
    func conversationManagerDidReset(_ manager: ConversationManager)
    func conversationManager(_ manager: ConversationManager, conversationChanged conversation: Conversation)
    func conversationManager(_ manager: ConversationManager, perform action: ConversationAction)
    func conversationManager(_ manager: ConversationManager, timedOutPerforming action: ConversationAction)
    func conversationManager(_ manager: ConversationManager, didActivate audioSession: AVAudioSession)
    func conversationManager(_ manager: ConversationManager, didDeactivate audioSession: AVAudioSession)
}

public final class ConversationManager: @unchecked Sendable {
    public struct Configuration: Sendable {
        public init(
            ringtoneName: String?, iconTemplateImageData: Data?, maximumConversationGroups: Int,
            maximumConversationsPerConversationGroup: Int, includesConversationInRecents: Bool, supportsVideo: Bool,
            supportedHandleTypes: Set<Handle.Kind>
        ) {}
    }
    public weak var delegate: (any ConversationManagerDelegate)?
    public private(set) var conversations: [Conversation] = []

    public convenience init(configuration: Configuration) {
        self.init()
        Phone.current.keep(self, as: "ConversationManager")
    }
    private init() {}

    public func reportNewIncomingConversation(uuid: UUID, update: Conversation.Update) async throws {
        Phone.current.note(.reported(uuid))
        if !conversations.contains(where: { $0.uuid == uuid }) { conversations.append(Conversation(uuid)) }
    }
    public func reportConversationEvent(_ event: Conversation.Event, for conversation: Conversation) {
        switch event {
        case .conversationUpdated: Phone.current.note(.updated(conversation.uuid))
        case .conversationStartedConnecting: Phone.current.note(.connecting(conversation.uuid))
        case .conversationConnected: Phone.current.note(.connected(conversation.uuid))
        case .conversationEnded(_, let reason):
            Phone.current.note(.ended(conversation.uuid, reason.rawValue))
            conversations.removeAll { $0 === conversation }
        }
    }
    public func perform(_ actions: [ConversationAction]) async throws { tap(actions) }
    public func invalidate() { delegate = nil }

    // MARK: what a scenario does

    public static var current: ConversationManager? { Phone.current.part("ConversationManager") }
    public func tap(_ actions: [ConversationAction]) {
        for action in actions {
            if action is StartConversationAction { conversations.append(Conversation(action.conversationUUID)) }
            delegate?.conversationManager(self, perform: action)
        }
    }
    public func activateAudio() {
        let session = AVAudioSession.sharedInstance()
        session.systemActivates(true)
        delegate?.conversationManager(self, didActivate: session)
    }
}
