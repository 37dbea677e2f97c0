package dev.doorstep.test

import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.Quality
import dev.doorstep.TransferProgress
import kotlin.time.Duration

/**
 * One call of a [FakeDoorstep]: what the customer and the network do with it, and what the app has done. What no longer makes sense (a
 * customer who answers a call that is over) does nothing.
 */
public class FakeCall internal constructor(
    private val held: HeldCall,
) {
    /** What an app can do with a call. */
    public sealed interface Action {
        public data object Answer : Action

        public data class Reject(
            val busy: Boolean,
        ) : Action

        public data object HangUp : Action

        public data class Hold(
            val on: Boolean,
        ) : Action

        public data class Mute(
            val on: Boolean,
        ) : Action

        public data class SendDtmf(
            val digits: String,
        ) : Action

        public data class Transfer(
            val order: OrderId,
        ) : Action
    }

    /** The call as the app has it. */
    public val call: Call get() = held

    /** Its number: that of the app's [Call.id]. */
    public val id: ULong get() = held.id

    /** Where it stands. */
    public val state: CallState get() = held.state.value

    /** The order that it is about. */
    public val order: OrderId? get() = held.order

    /** What the app has done with it, in order, what was refused left out. */
    public val actions: List<Action> get() = held.actions()

    /** The customer's phone rings. */
    public fun ring(): Unit = held.change { if (it is CallState.Connecting) CallState.Ringing else it }

    /** The customer answers. */
    public fun answer(): Unit = held.change { if (it is CallState.Connecting || it is CallState.Ringing) held.talking() else it }

    /** The customer hangs up, or gives up before the courier has answered. */
    public fun hangUp(): Unit = end(if (state is CallState.Incoming) EndReason.Cancelled else EndReason.HungUpThere)

    /** It ends, for any reason there is; with the reason's own words, unless the gateway has others. */
    public fun end(
        reason: EndReason,
        text: String = reason.text,
    ): Unit = held.end(reason, text)

    /** The customer holds the courier, or goes on. */
    public fun hold(on: Boolean): Unit = held.change { if (it is CallState.Active) it.copy(heldByFarSide = on) else it }

    /** The connection is lost during the call. */
    public fun loseConnection(): Unit = held.change { if (it is CallState.Active) CallState.Reconnecting else it }

    /** It is there again, after [loseConnection]. */
    public fun regainConnection(): Unit = held.change { if (it is CallState.Reconnecting) held.talking() else it }

    /** The customer presses keys. */
    public fun press(digits: String): Unit = held.hear(digits)

    /** A measurement comes. */
    public fun measure(
        packetsReceived: ULong,
        packetsLost: ULong,
        jitter: Duration = Duration.ZERO,
        roundTrip: Duration? = null,
    ): Unit = held.measured(Quality(packetsReceived, packetsLost, packetsSent = packetsReceived, jitter, roundTrip, concealedSamples = 0u))

    /** The first sound of the customer is there: [DoorstepEvent.FirstAudio]. */
    public fun firstAudio(): Unit = held.tell(DoorstepEvent.FirstAudio(held))

    /** How a transfer goes that the app has asked for. When it is done, the call ends. */
    public fun transfer(progress: TransferProgress) {
        held.tell(DoorstepEvent.Transfer(held, progress))
        if (progress is TransferProgress.Done) end(EndReason.Transferred)
    }

    /** Something that the call had taken on could not be done after all: [DoorstepEvent.Refused]. */
    public fun refuse(error: DoorstepError): Unit = held.tell(DoorstepEvent.Refused(held, error))

    override fun equals(other: Any?): Boolean = other is FakeCall && other.held === held

    override fun hashCode(): Int = held.hashCode()

    override fun toString(): String = "FakeCall(id=$id, state=$state)"
}
