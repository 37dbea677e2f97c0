// Stand-in of CallKit for Linux: actions and transactions (developer.apple.com/documentation/callkit/cxaction).

import Foundation
import Phone

open class CXAction: NSObject {
    public let uuid = UUID()
    public private(set) var isComplete = false
    public let timeoutDate = Date(timeIntervalSinceNow: 60)
    private let lock = NSLock()
    /// Told by the provider: what a completed action means for the call.
    var onCompletion: ((_ fulfilled: Bool) -> Void)?
    var timedOut = false

    public override init() {}

    open func fulfill() { complete(true) }
    open func fail() { complete(false) }

    var name: String { "action" }
    var about: UUID { uuid }

    /// Apple raises for an action that is completed twice or after its time; here the app counts as ended.
    private func complete(_ fulfilled: Bool) {
        let (again, late) = lock.withLock {
            defer { isComplete = true }
            return (isComplete, timedOut)
        }
        if again || late {
            Phone.current.kill("\(name) was completed \(late ? "after its time" : "twice")")
            return
        }
        Phone.current.note(fulfilled ? .fulfilled(name, about) : .failed(name, about))
        onCompletion?(fulfilled)
    }

    func passTime() -> Bool {
        lock.withLock {
            guard !isComplete else { return false }
            timedOut = true
            return true
        }
    }
}

open class CXCallAction: CXAction {
    public let callUUID: UUID
    public init(call callUUID: UUID) { self.callUUID = callUUID }
    override var about: UUID { callUUID }
}

open class CXStartCallAction: CXCallAction {
    open var handle: CXHandle
    open var contactIdentifier: String?
    open var isVideo = false
    public init(call callUUID: UUID, handle: CXHandle) {
        self.handle = handle
        super.init(call: callUUID)
    }
    open func fulfill(withDateStarted: Date) { fulfill() }
    override var name: String { "start" }
}

open class CXAnswerCallAction: CXCallAction {
    open func fulfill(withDateConnected: Date) { fulfill() }
    override var name: String { "answer" }
}

open class CXEndCallAction: CXCallAction {
    open func fulfill(withDateEnded: Date) { fulfill() }
    override var name: String { "end" }
}

open class CXSetHeldCallAction: CXCallAction {
    open var isOnHold: Bool
    public init(call callUUID: UUID, onHold: Bool) {
        isOnHold = onHold
        super.init(call: callUUID)
    }
    override var name: String { "hold \(isOnHold)" }
}

open class CXSetMutedCallAction: CXCallAction {
    open var isMuted: Bool
    public init(call callUUID: UUID, muted: Bool) {
        isMuted = muted
        super.init(call: callUUID)
    }
    override var name: String { "mute \(isMuted)" }
}

open class CXSetGroupCallAction: CXCallAction {
    open var callUUIDToGroupWith: UUID?
    public init(call callUUID: UUID, callUUIDToGroupWith: UUID?) {
        self.callUUIDToGroupWith = callUUIDToGroupWith
        super.init(call: callUUID)
    }
    override var name: String { "group" }
}

open class CXPlayDTMFCallAction: CXCallAction {
    public enum ActionType: Int, Sendable {
        case singleTone = 1
        case softPause, hardPause
    }
    open var digits: String
    open var type: ActionType
    public init(call callUUID: UUID, digits: String, type: ActionType) {
        self.digits = digits
        self.type = type
        super.init(call: callUUID)
    }
    override var name: String { "digits \(digits)" }
}

open class CXTransaction: NSObject {
    public let uuid = UUID()
    public private(set) var actions: [CXAction]
    public init(actions: [CXAction]) { self.actions = actions }
    public convenience init(action: CXAction) { self.init(actions: [action]) }
    open func addAction(_ action: CXAction) { actions.append(action) }
}
