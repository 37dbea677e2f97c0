package dev.doorstep

/** What happens besides the states of [Doorstep] and its calls. */
public sealed interface DoorstepEvent {
    /** A connection could not be made; it is tried again by itself. */
    public data class ConnectFailed(
        /** What the courier may read. */
        val text: String,
    ) : DoorstepEvent

    /** The first sound of the far side is there. */
    public data class FirstAudio(
        val call: Call,
    ) : DoorstepEvent

    /** How a [Call.transfer] goes. */
    public data class Transfer(
        val call: Call,
        val progress: TransferProgress,
    ) : DoorstepEvent

    /** Something that a call had taken on (a hold, digits) could not be done after all. */
    public data class Refused(
        val call: Call,
        val error: DoorstepError,
    ) : DoorstepEvent

    /** What came of a push. */
    public data class Push(
        /** The `call` of the push, where it names one. */
        val callId: String?,
        val outcome: PushOutcome,
    ) : DoorstepEvent

    /** The app's process stood still so long that events are lost. The states are right again. */
    public data class Lagged(
        /** How many are lost. */
        val missed: ULong,
    ) : DoorstepEvent
}

/** How a transfer goes. */
public sealed interface TransferProgress {
    /** The far side will try. */
    public data object Accepted : TransferProgress

    /** The third party rings. */
    public data object Ringing : TransferProgress

    /** It worked; the call ends. */
    public data object Done : TransferProgress

    /** It did not; the call goes on. */
    public data class Failed(
        /** SIP status of the refusal (RFC 3261 section 21); 408 when nothing was heard. */
        val status: Int,
    ) : TransferProgress
}

internal fun dev.doorstep.core.TransferProgress.toPublic(): TransferProgress =
    when (this) {
        is dev.doorstep.core.TransferProgress.Accepted -> TransferProgress.Accepted
        is dev.doorstep.core.TransferProgress.Ringing -> TransferProgress.Ringing
        is dev.doorstep.core.TransferProgress.Done -> TransferProgress.Done
        is dev.doorstep.core.TransferProgress.Failed -> TransferProgress.Failed(status.toInt())
    }
