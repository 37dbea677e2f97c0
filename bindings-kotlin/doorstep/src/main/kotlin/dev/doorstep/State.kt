package dev.doorstep

import dev.doorstep.core.CallEnd
import dev.doorstep.core.Connection
import dev.doorstep.core.Registration
import kotlin.time.Duration
import kotlin.time.toKotlinDuration

/** Who calls. */
public enum class Direction {
    /** The courier. */
    Outgoing,

    /** The customer. */
    Incoming,
}

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
        /** What the courier should read: the gateway's words where it sent some, else the reason's. */
        val text: String,
    ) : CallState
}

/** The connection to the gateway. */
public enum class ConnectionState {
    /** There is none, and none is wanted. */
    Offline,

    /** It is being made. */
    Connecting,

    /** It is up. */
    Connected,

    /** It could not be made or was lost, and is tried again by itself. */
    Waiting,
}

/** Whether customers' calls reach this device. */
public sealed interface Reachability {
    /** Not wanted. */
    public data object Off : Reachability

    /** Asked for. */
    public data object Registering : Reachability

    /** Reachable. */
    public data object Reachable : Reachability

    /** Not for now; tried again by itself unless the reason is [EndReason.Unauthorized] or [EndReason.NotAllowed]. */
    public data class Failed(
        val reason: EndReason,
    ) : Reachability
}

/** How well a call carries: counters since its start. */
public data class Quality(
    /** RTP packets received. */
    val packetsReceived: ULong,
    /** RTP packets missing. */
    val packetsLost: ULong,
    /** RTP packets sent. */
    val packetsSent: ULong,
    /** Interarrival jitter (RFC 3550 section 6.4.1). */
    val jitter: Duration,
    /** Round trip, once known. */
    val roundTrip: Duration?,
    /** Played samples that were made up, at 48 kHz. */
    val concealedSamples: ULong,
)

internal fun dev.doorstep.core.Direction.toPublic() =
    when (this) {
        dev.doorstep.core.Direction.OUTGOING -> Direction.Outgoing
        dev.doorstep.core.Direction.INCOMING -> Direction.Incoming
    }

internal fun dev.doorstep.core.CallState.toPublic(): CallState =
    when (this) {
        is dev.doorstep.core.CallState.Connecting -> CallState.Connecting
        is dev.doorstep.core.CallState.Ringing -> CallState.Ringing
        is dev.doorstep.core.CallState.Incoming -> CallState.Incoming
        is dev.doorstep.core.CallState.Answering -> CallState.Answering
        is dev.doorstep.core.CallState.Active -> CallState.Active(muted, held, heldByFarSide)
        is dev.doorstep.core.CallState.Reconnecting -> CallState.Reconnecting
        is dev.doorstep.core.CallState.Ended -> reason.toPublic().let { CallState.Ended(it, it.text) }
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
