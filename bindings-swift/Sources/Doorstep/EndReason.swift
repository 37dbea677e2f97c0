/// Why a call is over.
public enum EndReason: CaseIterable, Sendable {
    /// The courier hung up, or gave up while it rang.
    case hungUpHere
    /// The far side hung up.
    case hungUpThere
    /// The far side declined.
    case declined
    /// The courier declined.
    case declinedHere
    /// The far side is on another call.
    case busy
    /// It rang until its deadline.
    case noAnswer
    /// The caller gave up before this side answered.
    case cancelled
    /// Another device of the same courier took the call.
    case answeredElsewhere
    /// The courier declined on another device.
    case declinedElsewhere
    /// The order is another courier's.
    case notYourOrder
    /// There is no such order.
    case noSuchOrder
    /// The order is closed.
    case orderClosed
    /// The customer cannot be reached.
    case customerUnreachable
    /// The telephone network does not answer.
    case trunkDown
    /// Too many calls at once.
    case tooManyCalls
    /// The gateway is stopping or overloaded.
    case unavailable
    /// The token is not accepted, or there is none.
    case unauthorized
    /// The target may not be called.
    case notAllowed
    /// The target does not exist.
    case noSuchTarget
    /// No connection to the gateway came up in time.
    case noNetwork
    /// The connection was lost during the call and did not come back in time.
    case connectionLost
    /// The far side vanished without hanging up.
    case farSideLost
    /// No path for the voice, or no microphone.
    case mediaFailed
    /// No codec that both sides know.
    case noCommonCodec
    /// The gateway does not answer.
    case timedOut
    /// The longest time to talk is over.
    case talkLimit
    /// The call lives on elsewhere.
    case transferred
    /// The SDK was closed.
    case shutdown
    /// A push announced the call, but it did not come.
    case expired
    /// The far side does not keep to the protocol.
    case protocolError

    /// A word for programs, stable over versions: also the key of a translation.
    public var code: String { CoreWords.code(self) }

    /// A sentence for the courier, in English. It names no number and no other person.
    public var text: String { CoreWords.text(self) }
}
