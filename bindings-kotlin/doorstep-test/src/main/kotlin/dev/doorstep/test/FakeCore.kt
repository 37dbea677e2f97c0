package dev.doorstep.test

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
import dev.doorstep.Reachability
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/** What a [FakeDoorstep] gives to the app: states and events as the library's, and nothing behind them. */
internal class FakeCore(
    connected: ConnectionState,
    reached: Reachability,
) : Doorstep {
    /** Held while something changes and is told. What collects without a dispatcher may come back in meanwhile. */
    private val lock = ReentrantLock()
    private val every = mutableListOf<HeldCall>()

    /** Calls that were over before they came. */
    private val calledOff = mutableSetOf<String>()

    override val calls = MutableStateFlow<List<Call>>(emptyList())
    override val incoming = MutableSharedFlow<Call>(extraBufferCapacity = 16, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    override val connection = MutableStateFlow(connected)
    override val reachability = MutableStateFlow(reached)
    override val events = MutableSharedFlow<DoorstepEvent>(extraBufferCapacity = 64, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    val placed = MutableSharedFlow<FakeCall>(extraBufferCapacity = 16, onBufferOverflow = BufferOverflow.DROP_OLDEST)

    @Volatile var refusal: DoorstepError? = null

    @Volatile var isInBackground = false
        private set

    @Volatile var networkChanges = 0
        private set

    @Volatile var pushTarget: PushTarget? = null
        private set

    @Volatile var isSignedOut = false
        private set

    @Volatile var isClosed = false
        private set

    fun <T> locked(block: () -> T): T = lock.withLock(block)

    fun everyCall(): List<FakeCall> = locked { every.map(::FakeCall) }

    fun set(now: ConnectionState) = locked { if (!isClosed) connection.value = now }

    fun set(now: Reachability) = locked { if (!isClosed) reachability.value = now }

    fun failToConnect(text: String) =
        locked {
            set(ConnectionState.Waiting)
            tell(DoorstepEvent.ConnectFailed(text))
        }

    fun tell(event: DoorstepEvent) {
        events.tryEmit(event)
    }

    fun ring(
        callId: String,
        order: OrderId?,
        label: String?,
    ): FakeCall =
        locked {
            val call = begin(callId, Direction.Incoming, order, label)
            // After the SDK was closed nobody rings.
            if (isClosed) call.over(EndReason.Shutdown) else incoming.tryEmit(call)
            FakeCall(call)
        }

    /** Under the lock, as all that follows and is not of [Doorstep]. */
    private fun begin(
        callId: String?,
        direction: Direction,
        order: OrderId?,
        label: String?,
    ): HeldCall {
        val call = HeldCall(this, every.size.toULong() + 1u, callId, direction, order, label)
        every += call
        calls.value += call
        return call
    }

    fun forget(call: HeldCall) {
        calls.value -= call
    }

    fun holdOthers(but: HeldCall) = every.forEach { if (it !== but) it.makeRoom() }

    override suspend fun contactCustomer(order: OrderId): Call =
        open {
            refusal?.let { throw it }
            begin(callId = null, Direction.Outgoing, order, label = null).also { placed.tryEmit(FakeCall(it)) }
        }

    override fun handlePush(data: Map<String, String>): Boolean = take(data) != null

    override suspend fun followPush(data: Map<String, String>): PushOutcome? = take(data)

    private fun take(data: Map<String, String>): PushOutcome? {
        val callId = data["call"]
        val kind = data["kind"]
        if (callId == null || kind == null || "v" !in data) return null
        return open { outcome(callId, kind, data).also { tell(DoorstepEvent.Push(callId, it)) } }
    }

    private fun outcome(
        callId: String,
        kind: String,
        data: Map<String, String>,
    ): PushOutcome {
        val expires = data["expires_at"]?.toLongOrNull()
        val known = every.find { it.callId == callId }
        val end = known?.state?.value as? CallState.Ended
        return when {
            data["v"] != "1" || callId.isEmpty() || expires == null || data["sent_at"]?.toLongOrNull() == null ->
                PushOutcome.NoCall(EndReason.ProtocolError)
            end != null -> PushOutcome.NoCall(end.reason)
            kind == "cancel" -> calledOff(callId, known)
            kind != "incoming" -> PushOutcome.NoCall(EndReason.ProtocolError)
            known != null -> PushOutcome.Rings(known, known = true)
            callId in calledOff -> PushOutcome.NoCall(EndReason.Cancelled)
            System.currentTimeMillis() >= expires -> PushOutcome.NoCall(EndReason.Expired)
            else -> PushOutcome.Rings(ring(callId, data["order"]?.let(::OrderId), data["label"]).call, known = false)
        }
    }

    private fun calledOff(
        callId: String,
        known: HeldCall?,
    ): PushOutcome {
        // Answered: whoever says that it is over will hang up.
        if (known != null && known.state.value !is CallState.Incoming) return PushOutcome.Rings(known, known = true)
        known?.over(EndReason.Cancelled) ?: calledOff.add(callId)
        return PushOutcome.NoCall(EndReason.Cancelled)
    }

    override suspend fun networkChanged(): Unit = open { networkChanges += 1 }

    override suspend fun setBackground(on: Boolean): Unit = open { isInBackground = on }

    override suspend fun setReachable(on: Boolean): Unit = open { reachability.value = if (on) Reachability.Reachable else Reachability.Off }

    override suspend fun setPushTarget(target: PushTarget?): Unit = open { pushTarget = target }

    override suspend fun signOut(): Unit =
        open {
            isSignedOut = true
            close()
        }

    override fun close(): Unit =
        locked {
            if (!isClosed) {
                isClosed = true
                every.forEach { it.over(EndReason.Shutdown) }
                connection.value = ConnectionState.Offline
                reachability.value = Reachability.Off
            }
        }

    private fun <T> open(block: () -> T): T =
        locked {
            if (isClosed) throw DoorstepError.ShutDown()
            block()
        }
}
