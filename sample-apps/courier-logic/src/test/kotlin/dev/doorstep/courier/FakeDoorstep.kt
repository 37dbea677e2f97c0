package dev.doorstep.courier

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

/** The SDK, played by a test: calls change when the test says so, and what is asked is written down. */
internal class FakeDoorstep : Doorstep {
    override val calls = MutableStateFlow(emptyList<Call>())
    override val incoming = MutableSharedFlow<Call>()
    override val connection = MutableStateFlow(ConnectionState.Connected)
    override val reachability = MutableStateFlow<Reachability>(Reachability.Reachable)
    override val events = MutableSharedFlow<DoorstepEvent>(extraBufferCapacity = 16)
    val asked = mutableListOf<String>()
    var refuses: DoorstepError? = null
    private var ids = 0UL

    fun rings(label: String? = "Order 4711"): FakeCall = add(FakeCall(++ids, OrderId("4711"), label, Direction.Incoming, CallState.Incoming))

    private fun add(call: FakeCall): FakeCall {
        call.gone = { calls.value -= call }
        calls.value += call
        return call
    }

    private fun ask(what: String) {
        asked += what
        refuses?.let { throw it }
    }

    override suspend fun contactCustomer(order: OrderId): Call {
        ask("contact ${order.value}")
        return add(FakeCall(++ids, order, null, Direction.Outgoing, CallState.Connecting))
    }

    override fun handlePush(data: Map<String, String>): Boolean = false

    override suspend fun followPush(data: Map<String, String>): PushOutcome? = null

    override suspend fun networkChanged() = ask("network changed")

    override suspend fun setBackground(on: Boolean) = ask("background $on")

    override suspend fun setReachable(on: Boolean) = ask("reachable $on")

    override suspend fun setPushTarget(target: PushTarget?) = ask("push target")

    override suspend fun signOut() = ask("sign out")

    override fun close() = ask("close")
}

internal class FakeCall(
    override val id: ULong,
    override val order: OrderId?,
    override val label: String?,
    override val direction: Direction,
    state: CallState,
) : Call {
    override val callId: String? = null
    override val digits = MutableSharedFlow<Char>()
    override val quality = MutableStateFlow<Quality?>(null)
    override val state = MutableStateFlow(state)
    val asked = mutableListOf<String>()
    var gone: () -> Unit = {}
    var refuses: DoorstepError? = null

    fun active(
        muted: Boolean = false,
        held: Boolean = false,
        heldByFarSide: Boolean = false,
    ) {
        state.value = CallState.Active(muted, held, heldByFarSide)
    }

    fun ends(reason: EndReason) {
        state.value = CallState.Ended(reason, reason.text)
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
