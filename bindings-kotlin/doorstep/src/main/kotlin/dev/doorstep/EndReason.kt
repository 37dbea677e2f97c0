package dev.doorstep

/**
 * Why a call is over.
 *
 * [text] is a sentence for the courier, in English, that names no number and no other person; where the gateway sends words of its own,
 * [CallState.Ended.text] has them. [code] is a word for programs, stable over versions: also the key of a translation.
 */
public enum class EndReason(
    public val code: String,
    public val text: String,
) {
    /** The courier hung up, or gave up while it rang. */
    HungUpHere("hung_up_here", "You ended the call"),

    /** The far side hung up. */
    HungUpThere("hung_up_there", "The call was ended by the other side"),

    /** The far side declined. */
    Declined("declined", "The call was declined"),

    /** The courier declined. */
    DeclinedHere("declined_here", "You declined the call"),

    /** The far side is on another call. */
    Busy("busy", "The customer is on another call"),

    /** It rang until its deadline. */
    NoAnswer("no_answer", "Nobody answered"),

    /** The caller gave up before this side answered. */
    Cancelled("cancelled", "The caller hung up before you answered"),

    /** Another device of the same courier took the call. */
    AnsweredElsewhere("answered_elsewhere", "The call was answered on another device"),

    /** The courier declined on another device. */
    DeclinedElsewhere("declined_elsewhere", "The call was declined on another device"),

    /** The order is another courier's. */
    NotYourOrder("not_your_order", "This order is with another courier"),

    /** There is no such order. */
    NoSuchOrder("no_such_order", "There is no such order"),

    /** The order is closed. */
    OrderClosed("order_closed", "This order is closed"),

    /** The customer cannot be reached. */
    CustomerUnreachable("customer_unreachable", "The customer cannot be reached"),

    /** The telephone network does not answer. */
    TrunkDown("trunk_down", "The telephone network does not answer; try again in a moment"),

    /** Too many calls at once. */
    TooManyCalls("too_many_calls", "Too many calls at once"),

    /** The gateway is stopping or overloaded. */
    Unavailable("unavailable", "The service is not available; try again in a moment"),

    /** The token is not accepted, or there is none. */
    Unauthorized("unauthorized", "You are signed out; sign in again"),

    /** The target may not be called. */
    NotAllowed("not_allowed", "This call is not allowed"),

    /** The target does not exist. */
    NoSuchTarget("no_such_target", "There is nobody to call under this address"),

    /** No connection to the gateway came up in time. */
    NoNetwork("no_network", "No connection; check your network"),

    /** The connection was lost during the call and did not come back in time. */
    ConnectionLost("connection_lost", "The connection was lost"),

    /** The far side vanished without hanging up. */
    FarSideLost("far_side_lost", "The other side was lost"),

    /** No path for the voice, or no microphone. */
    MediaFailed("media_failed", "No voice connection could be made"),

    /** No codec that both sides know. */
    NoCommonCodec("no_common_codec", "The two phones do not understand each other"),

    /** The gateway does not answer. */
    TimedOut("timed_out", "The service does not answer; try again"),

    /** The longest time to talk is over. */
    TalkLimit("talk_limit", "The longest time for a call is over"),

    /** The call lives on elsewhere. */
    Transferred("transferred", "The call was transferred"),

    /** The client shuts down. */
    Shutdown("shutdown", "The app was closed"),

    /** A push announced the call, but it did not come. */
    Expired("expired", "The call was over before it reached you"),

    /** The far side does not keep to the protocol. */
    ProtocolError("protocol_error", "The call failed"),
}

/** The two enums have the same members in the same order; a test holds them to it. */
internal fun dev.doorstep.core.EndReason.toPublic(): EndReason = EndReason.entries[ordinal]
