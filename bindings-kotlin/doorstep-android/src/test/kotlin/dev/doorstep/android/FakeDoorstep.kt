package dev.doorstep.android

import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.ConnectionState
import dev.doorstep.Direction
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.PushOutcome
import dev.doorstep.PushTarget
import dev.doorstep.Quality
import dev.doorstep.Reachability
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import java.util.Collections

/** The core's side, played by a test: calls change when the test says so, and what is asked is written down. */
internal class FakeDoorstep : Doorstep {
    override val calls = MutableStateFlow(emptyList<Call>())
    override val incoming = MutableSharedFlow<Call>()
    override val connection = MutableStateFlow(ConnectionState.Connected)
    override val reachability = MutableStateFlow<Reachability>(Reachability.Reachable)
    override val events = MutableSharedFlow<DoorstepEvent>(extraBufferCapacity = 16)
    val asked: MutableList<String> = Collections.synchronizedList(mutableListOf())

    /** What it throws when it is asked for anything. */
    var refuses: DoorstepError? = null
    private var ids = 0UL

    fun rings(label: String? = "Order 4711"): FakeCall = add(FakeCall(++ids, label, Direction.Incoming, CallState.Incoming))

    fun dials(label: String? = "Order 4711"): FakeCall = add(FakeCall(++ids, label, Direction.Outgoing, CallState.Connecting))

    private fun add(call: FakeCall): FakeCall {
        call.gone = { calls.value -= call }
        calls.value += call
        return call
    }

    private fun ask(what: String) {
        asked += what
        refuses?.let { throw it }
    }

    override suspend fun contactCustomer(order: OrderId): Call = dials()

    override fun handlePush(data: Map<String, String>): Boolean {
        if ("call" !in data) return false
        ask("push")
        return true
    }

    override suspend fun followPush(data: Map<String, String>): PushOutcome? = if (handlePush(data)) PushOutcome.Rings(rings(), false) else null

    override suspend fun networkChanged() = ask("network changed")

    override suspend fun setBackground(on: Boolean) = ask(if (on) "background" else "foreground")

    override suspend fun setReachable(on: Boolean) = ask("reachable $on")

    override suspend fun setPushTarget(target: PushTarget?) = ask("push target")

    override suspend fun signOut() = ask("sign out")

    override fun close() = ask("close")
}

internal class FakeCall(
    override val id: ULong,
    override val label: String?,
    override val direction: Direction,
    state: CallState,
) : Call {
    override val callId: String? = null
    override val order: OrderId? = null
    override val digits = MutableSharedFlow<Char>()
    override val quality = MutableStateFlow<Quality?>(null)
    override val state = MutableStateFlow(state)
    val asked: MutableList<String> = Collections.synchronizedList(mutableListOf())
    var gone: () -> Unit = {}

    /** What it throws when it is asked for anything. */
    var refuses: DoorstepError? = null

    /** Both can talk. */
    fun active(
        muted: Boolean = false,
        held: Boolean = false,
    ) {
        state.value = CallState.Active(muted, held, heldByFarSide = false)
    }

    fun ends(reason: EndReason) {
        state.value = CallState.Ended(reason, "It is over.")
        gone()
    }

    private fun ask(what: String) {
        asked += what
        refuses?.let { throw it }
    }

    override suspend fun answer() {
        ask("answer")
        state.value = CallState.Answering
    }

    override suspend fun reject(busy: Boolean) {
        ask("reject")
        ends(EndReason.DeclinedHere)
    }

    override suspend fun hangUp() {
        ask("hang up")
        ends(EndReason.HungUpHere)
    }

    override suspend fun hold(on: Boolean) {
        ask("hold $on")
        active(held = on)
    }

    override suspend fun mute(on: Boolean) {
        ask("mute $on")
        active(muted = on)
    }

    override suspend fun sendDtmf(digits: String) = ask("digits $digits")

    override suspend fun transfer(order: OrderId) = ask("transfer")
}
