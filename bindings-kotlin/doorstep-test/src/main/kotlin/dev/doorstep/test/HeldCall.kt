package dev.doorstep.test

import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.Direction
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.Quality
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow

/** A call as the app has it: the rules of the library's, without a network. */
internal class HeldCall(
    private val core: FakeCore,
    override val id: ULong,
    override val callId: String?,
    override val direction: Direction,
    override val order: OrderId?,
    override val label: String?,
) : Call {
    override val state = MutableStateFlow<CallState>(if (direction == Direction.Incoming) CallState.Incoming else CallState.Connecting)
    override val digits = MutableSharedFlow<Char>(extraBufferCapacity = 32, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    override val quality = MutableStateFlow<Quality?>(null)
    private val done = mutableListOf<FakeCall.Action>()
    private var muted = false

    override suspend fun answer(): Unit =
        act(FakeCall.Action.Answer) {
            if (state.value !is CallState.Incoming) throw DoorstepError.WrongState()
            core.holdOthers(this)
            state.value = talking()
        }

    override suspend fun reject(busy: Boolean): Unit =
        act(FakeCall.Action.Reject(busy)) {
            if (state.value !is CallState.Incoming) throw DoorstepError.WrongState()
            over(EndReason.DeclinedHere)
        }

    override suspend fun hangUp(): Unit = act(FakeCall.Action.HangUp) { over(EndReason.HungUpHere) }

    override suspend fun hold(on: Boolean): Unit =
        act(FakeCall.Action.Hold(on)) {
            val active = state.value as? CallState.Active ?: throw DoorstepError.WrongState()
            if (!on) core.holdOthers(this)
            state.value = active.copy(held = on)
        }

    override suspend fun mute(on: Boolean): Unit =
        act(FakeCall.Action.Mute(on)) {
            muted = on
            (state.value as? CallState.Active)?.let { state.value = it.copy(muted = on) }
        }

    override suspend fun sendDtmf(digits: String): Unit =
        act(FakeCall.Action.SendDtmf(digits)) {
            if (!digits.all { it in "0123456789*#ABCD" }) throw DoorstepError.InvalidDigit()
        }

    override suspend fun transfer(order: OrderId): Unit =
        act(FakeCall.Action.Transfer(order)) {
            if (state.value !is CallState.Active) throw DoorstepError.WrongState()
        }

    fun actions(): List<FakeCall.Action> = core.locked { done.toList() }

    /** The state of a call that begins to talk, or goes on. */
    fun talking() = CallState.Active(muted, held = false, heldByFarSide = false)

    /** Another call is talked in now. */
    fun makeRoom() {
        (state.value as? CallState.Active)?.let { state.value = it.copy(held = true) }
    }

    fun change(next: (CallState) -> CallState) =
        core.locked {
            val now = state.value
            if (now !is CallState.Ended) state.value = next(now)
        }

    fun end(
        reason: EndReason,
        text: String,
    ) = core.locked { over(reason, text) }

    fun hear(keys: String) = whileItLasts { keys.forEach(digits::tryEmit) }

    fun measured(now: Quality) = whileItLasts { quality.value = now }

    fun tell(event: DoorstepEvent) = whileItLasts { core.tell(event) }

    private fun whileItLasts(block: () -> Unit) = core.locked { if (state.value !is CallState.Ended) block() }

    /** Notes the action, unless [block] refuses it. */
    private fun act(
        action: FakeCall.Action,
        block: () -> Unit,
    ) = core.locked {
        if (state.value is CallState.Ended) throw DoorstepError.CallOver()
        block()
        done += action
    }

    /** Under the lock. */
    fun over(
        reason: EndReason,
        text: String = reason.text,
    ) {
        if (state.value is CallState.Ended) return
        state.value = CallState.Ended(reason, text)
        core.forget(this)
    }

    override fun toString(): String = "Call(id=$id, state=${state.value})"
}
