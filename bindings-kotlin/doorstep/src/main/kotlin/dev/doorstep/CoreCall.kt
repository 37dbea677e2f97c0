package dev.doorstep

import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import dev.doorstep.core.Call as CoreHandle
import dev.doorstep.core.CallState as CoreState

/** A call of the core. Its handle is given back when it ends. */
internal class CoreCall(
    val handle: CoreHandle,
) : Call {
    @Volatile
    private var snapshot = handle.snapshot()
    private val stateNow = MutableStateFlow(handle.end()?.toState() ?: snapshot.state.toPublic())
    private val digitsHeard = MutableSharedFlow<Char>(replay = 0, extraBufferCapacity = 32, BufferOverflow.DROP_OLDEST)
    private val qualityNow = MutableStateFlow<Quality?>(null)

    override val id: ULong = handle.id()
    override val callId: String? get() = snapshot.callId
    override val direction: Direction get() = snapshot.direction.toPublic()
    override val order: OrderId? get() = snapshot.order?.let(::OrderId)
    override val label: String? get() = snapshot.label
    override val state: StateFlow<CallState> = stateNow.asStateFlow()
    override val digits: SharedFlow<Char> = digitsHeard.asSharedFlow()
    override val quality: StateFlow<Quality?> = qualityNow.asStateFlow()

    override suspend fun answer(): Unit = ask { answer() }

    override suspend fun reject(busy: Boolean): Unit = ask { reject(busy) }

    override suspend fun hangUp(): Unit = ask { hangUp() }

    override suspend fun hold(on: Boolean): Unit = ask { hold(on) }

    override suspend fun mute(on: Boolean): Unit = ask { mute(on) }

    override suspend fun sendDtmf(digits: String): Unit = ask { sendDtmf(digits) }

    override suspend fun transfer(order: OrderId): Unit = ask { transferToOrder(order.value) }

    private suspend inline fun ask(what: suspend CoreHandle.() -> Unit) {
        try {
            translated { handle.what() }
        } catch (error: DoorstepError.ShutDown) {
            // Its handle was given back at its end.
            throw if (stateNow.value is CallState.Ended) DoorstepError.CallOver() else error
        }
    }

    /**
     * Takes over what the core says now: an event may be older than the handle.
     *
     * @return whether the call is over
     */
    fun refresh(): Boolean {
        val now = handle.snapshot()
        snapshot = now
        if (now.state !is CoreState.Ended) {
            stateNow.value = now.state.toPublic()
            return false
        }
        // The end comes with words of its own.
        handle.end()?.let { end(it.toState()) }
        return true
    }

    fun end(end: CallState.Ended) {
        stateNow.value = end
        handle.close()
    }

    fun digit(digit: String) {
        digit.firstOrNull()?.let(digitsHeard::tryEmit)
    }

    fun measured(quality: dev.doorstep.core.Quality) {
        qualityNow.value = quality.toPublic()
    }

    override fun toString(): String = "Call(id=$id, state=${state.value})"
}
