package dev.doorstep

import dev.doorstep.core.CallEnd
import dev.doorstep.core.Connection
import dev.doorstep.core.Registration
import dev.doorstep.core.endReasonCode
import kotlin.time.Duration
import kotlin.time.toKotlinDuration

/** Who calls. */
public enum class Direction { Outgoing, Incoming }

/** Where a call stands. */
public sealed interface CallState {
    /** Outgoing; the customer's phone does not ring yet. */
    public data object Connecting : CallState

    /** Outgoing; the customer's phone rings. */
    public data object Ringing : CallState

    /** Incoming; it rings here. */
    public data object Incoming : CallState

    /** Incoming; answered here, but not through yet. */
    public data object Answering : CallState

    /** Both can talk. */
    public data class Active(
        /** The microphone is off. */
        val muted: Boolean,
        /** This side holds the far side. */
        val held: Boolean,
        /** The far side holds this side. */
        val heldByFarSide: Boolean,
    ) : CallState

    /** Answered, but the connection is lost; it is being made anew. */
    public data object Reconnecting : CallState

    /** Over. */
    public data class Ended(
        /** Why. */
        val reason: EndReason,
        /** What the courier should read. */
        val text: String,
    ) : CallState
}

/** Why a call is over. */
public enum class EndReason {
    HungUpHere,
    HungUpThere,
    Declined,
    DeclinedHere,
    Busy,
    NoAnswer,
    Cancelled,
    AnsweredElsewhere,
    DeclinedElsewhere,
    NotYourOrder,
    NoSuchOrder,
    OrderClosed,
    CustomerUnreachable,
    TrunkDown,
    TooManyCalls,
    Unavailable,
    Unauthorized,
    NotAllowed,
    NoSuchTarget,
    NoNetwork,
    ConnectionLost,
    FarSideLost,
    MediaFailed,
    NoCommonCodec,
    TimedOut,
    TalkLimit,
    Transferred,
    Shutdown,
    Expired,
    ProtocolError,
    ;

    /** A word for programs, stable over versions: also the key of a translation. */
    public val code: String get() = endReasonCode(toCore())
}

/** The connection to the gateway. */
public enum class ConnectionState { Offline, Connecting, Connected, Waiting }

/** Whether customers' calls reach this device. */
public sealed interface Reachability {
    /** Not wanted. */
    public data object Off : Reachability

    /** Asked for. */
    public data object Registering : Reachability

    /** Reachable. */
    public data object Reachable : Reachability

    /** Not for now. */
    public data class Failed(
        val reason: EndReason,
    ) : Reachability
}

/** How well a call carries: counters since its start. */
public data class Quality(
    val packetsReceived: ULong,
    val packetsLost: ULong,
    val packetsSent: ULong,
    val jitter: Duration,
    val roundTrip: Duration?,
    /** Played samples that were made up, at 48 kHz. */
    val concealedSamples: ULong,
)

internal fun dev.doorstep.core.Direction.toPublic() =
    when (this) {
        dev.doorstep.core.Direction.OUTGOING -> Direction.Outgoing
        dev.doorstep.core.Direction.INCOMING -> Direction.Incoming
    }

/** The two enums have the same members in the same order; a test holds them to it. */
internal fun dev.doorstep.core.EndReason.toPublic(): EndReason = EndReason.entries[ordinal]

internal fun EndReason.toCore(): dev.doorstep.core.EndReason = dev.doorstep.core.EndReason.entries[ordinal]

internal fun dev.doorstep.core.CallState.toPublic(): CallState =
    when (this) {
        is dev.doorstep.core.CallState.Connecting -> CallState.Connecting
        is dev.doorstep.core.CallState.Ringing -> CallState.Ringing
        is dev.doorstep.core.CallState.Incoming -> CallState.Incoming
        is dev.doorstep.core.CallState.Answering -> CallState.Answering
        is dev.doorstep.core.CallState.Active -> CallState.Active(muted, held, heldByFarSide)
        is dev.doorstep.core.CallState.Reconnecting -> CallState.Reconnecting
        is dev.doorstep.core.CallState.Ended -> CallState.Ended(reason.toPublic(), dev.doorstep.core.endReasonText(reason))
    }

internal fun CallEnd.toState() = CallState.Ended(reason.toPublic(), text)

internal fun Connection.toPublic() =
    when (this) {
        Connection.OFFLINE -> ConnectionState.Offline
        Connection.CONNECTING -> ConnectionState.Connecting
        Connection.CONNECTED -> ConnectionState.Connected
        Connection.WAITING -> ConnectionState.Waiting
    }

internal fun Registration.toPublic(): Reachability =
    when (this) {
        is Registration.Unregistered -> Reachability.Off
        is Registration.Registering -> Reachability.Registering
        is Registration.Registered -> Reachability.Reachable
        is Registration.Failed -> Reachability.Failed(reason.toPublic())
    }

internal fun dev.doorstep.core.Quality.toPublic() =
    Quality(
        packetsReceived,
        packetsLost,
        packetsSent,
        jitter.toKotlinDuration(),
        roundTrip?.toKotlinDuration(),
        concealedSamples,
    )
