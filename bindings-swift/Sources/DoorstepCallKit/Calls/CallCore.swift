// The seam between the adapter and the core: what the adapter asks, and what it is told. `Doorstep` stands behind it in an app, a
// script in the scenarios. Everything happens on the main actor, where CallKit and PushKit call, too.

import Foundation

/// A call as the core has it. The adapter keeps the newest, and no state of its own beyond what the system was told.
struct CoreCall: Equatable, Sendable {
    enum Stage: Equatable, Sendable {
        /// Outgoing, not answered yet.
        case dialling
        /// Incoming, not answered yet.
        case ringing
        /// Incoming: answered here, not through yet.
        case answering
        /// Answered.
        case talking
        /// Answered; the connection is being made anew, and mute and hold are as they were.
        case reconnecting
        /// Over.
        case over(CallEnding)
    }

    /// The core's number for it.
    let id: UInt64
    /// The gateway's name for it, where it is known: the `call` of a push.
    var name: String?
    let isOutgoing: Bool
    var order: String?
    /// What the screen shows. It may hold a person's name: not for logs.
    var label: String?
    var stage: Stage
    var isMuted = false
    var isHeld = false
}

/// Why a call is over, in the words that a system's screen has.
enum CallEnding: Equatable, Sendable {
    /// The courier hung up in the app.
    case here
    case failed
    case farSide
    case unanswered
    case answeredElsewhere
    case declinedElsewhere
}

/// What came of a push.
enum PushVerdict: Equatable, Sendable {
    /// It is about this call, which rings or goes on.
    case call(UInt64)
    /// There is no call for it.
    case noCall(CallEnding)
}

/// What the courier wants of a call.
enum CallWish: Equatable, Sendable {
    case answer
    /// Refuse it; `busy`: because the phone can take no further call.
    case decline(busy: Bool)
    case hangUp
    case hold(Bool)
    case mute(Bool)
    case digits(String)
}

/// Where pushes for this app go (RFC 8599): `TEAM.BUNDLE.voip`, and the token in hexadecimal digits.
struct VoIPTarget: Equatable, Sendable {
    let topic: String
    let token: String
}

/// What the adapter needs of the core.
@MainActor protocol CallCore: AnyObject {
    /// Hands in APNs' dictionary; `then` hears once what came of it. Waits for nothing of the network.
    func handlePush(_ payload: [AnyHashable: Any], then: @escaping @MainActor (PushVerdict) -> Void)
    /// `then` hears once whether it was taken on.
    func perform(_ wish: CallWish, on call: UInt64, then: @escaping @MainActor (_ done: Bool) -> Void)
    func setPushTarget(_ target: VoIPTarget?)
    func networkChanged()
    func setBackground(_ on: Bool)
    /// Tells `observer` of every call that there is, and then of each change. One observer; nil: none.
    func observe(_ observer: (@MainActor (CoreCall) -> Void)?)
}
