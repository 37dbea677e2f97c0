// The seam between the adapter and the phone's own call screen: CallKit, or LiveCommunicationKit.

import Foundation

/// What the system shows of a call. Neither side's number is ever in it: the core has none.
struct CallFace: Equatable, Sendable {
    /// The company's words, or a neutral one.
    let name: String
    /// What "recent calls" hands back when the courier taps it: the order.
    let handle: String
}

/// Why the system does not take a call.
enum SystemRefusal: Equatable, Sendable {
    /// It has the call already.
    case known
    /// "Do Not Disturb", or the caller is blocked.
    case silenced
    /// There are too many calls, or the app may not report any.
    case refused
}

/// What the app asks of the system, so that both show the same.
enum SystemRequest: Equatable, Sendable {
    case start(CallFace)
    case answer
    case end
    case hold(Bool)
    case mute(Bool)
}

/// What the courier did on the system's screen, or what the app asked for and the system agrees to.
@MainActor final class SystemAction {
    enum Kind: Equatable, Sendable {
        case start
        case answer
        case end
        case hold(Bool)
        case mute(Bool)
        case digits(String)
        /// Conferences, and what later systems may think of.
        case unsupported
    }

    let id: UUID
    let call: UUID
    let kind: Kind
    private var finish: (@MainActor (_ done: Bool) -> Void)?

    init(id: UUID, call: UUID, kind: Kind, finish: @escaping @MainActor (_ done: Bool) -> Void) {
        self.id = id
        self.call = call
        self.kind = kind
        self.finish = finish
    }

    /// Fulfils or fails it. The second time, and after its time is over, nothing happens: a system raises then.
    func complete(_ done: Bool) {
        finish?(done)
        finish = nil
    }

    /// The system waits no longer.
    func abandon() { finish = nil }
}

/// What the system tells the adapter.
@MainActor protocol CallSystemDelegate: AnyObject {
    func perform(_ action: SystemAction)
    func timedOut(action id: UUID)
    func systemDidReset()
    func audioDidActivate()
    func audioDidDeactivate()
}

/// The phone's call screen.
@MainActor protocol CallSystem: AnyObject {
    var delegate: (any CallSystemDelegate)? { get set }
    /// Before it returns the system has been told. `then` hears once whether it rings.
    func reportIncoming(_ call: UUID, _ face: CallFace, then: @escaping @MainActor (SystemRefusal?) -> Void)
    func reportConnecting(_ call: UUID)
    func reportConnected(_ call: UUID)
    func reportFace(_ call: UUID, _ face: CallFace)
    func reportEnded(_ call: UUID, _ ending: CallEnding)
    /// `then` hears once whether the system agrees; what it agrees to comes back as an action.
    func request(_ request: SystemRequest, for call: UUID, then: @escaping @MainActor (_ agreed: Bool) -> Void)
    func invalidate()
}
