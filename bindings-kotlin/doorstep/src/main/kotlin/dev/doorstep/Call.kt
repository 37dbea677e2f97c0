package dev.doorstep

import dev.doorstep.core.CallEnd
import dev.doorstep.core.CallSnapshot
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import dev.doorstep.core.Call as CoreCall

/** One call. Its last [state] is [CallState.Ended]. */
public class Call internal constructor(
    private val core: CoreCall,
) {
    private val stateNow: MutableStateFlow<CallState>
    private val digitsHeard = MutableSharedFlow<Char>(replay = 0, extraBufferCapacity = 32, BufferOverflow.DROP_OLDEST)
    private val qualityNow = MutableStateFlow<Quality?>(null)

    /** Its number within the SDK; never used twice. */
    public val id: ULong = core.id()

    /** Who calls. */
    public val direction: Direction

    /** The order that it is about, where one is known. */
    public val order: OrderId?

    /** What the company wants the screen to say; it may hold a name. */
    public val label: String?

    /** Where it stands. */
    public val state: StateFlow<CallState>

    /** Digits that the far side sends. */
    public val digits: SharedFlow<Char> = digitsHeard.asSharedFlow()

    /** How well it carries, from the first measurement on. */
    public val quality: StateFlow<Quality?> = qualityNow.asStateFlow()

    init {
        val snapshot = core.snapshot()
        direction = snapshot.direction.toPublic()
        order = snapshot.order?.let(::OrderId)
        label = snapshot.label
        stateNow = MutableStateFlow(core.end()?.toState() ?: snapshot.state.toPublic())
        state = stateNow.asStateFlow()
    }

    /**
     * Takes the call. Other active calls are put on hold.
     *
     * @throws DoorstepError.WrongState when there is nothing to answer
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun answer(): Unit = translated { core.answer() }

    /** Refuses the call; with [busy] the caller hears that the courier is on the phone. Errors as of [answer]. */
    public suspend fun reject(busy: Boolean = false): Unit = translated { core.reject(busy) }

    /** Ends the call, whatever its state. */
    public suspend fun hangUp(): Unit = translated { core.hangUp() }

    /** Puts the call on hold, or goes on with it. */
    public suspend fun hold(on: Boolean): Unit = translated { core.hold(on) }

    /** Microphone off, or on. */
    public suspend fun mute(on: Boolean): Unit = translated { core.mute(on) }

    /**
     * Sends digits (`0`–`9`, `*`, `#`, `A`–`D`), one after the other.
     *
     * @throws DoorstepError.InvalidDigit for any other character
     */
    public suspend fun sendDtmf(digits: String): Unit = translated { core.sendDtmf(digits) }

    /** Asks the far side to go on with the customer of another order. */
    public suspend fun transfer(order: OrderId): Unit = translated { core.transferToOrder(order.value) }

    /** Waits until the call is over. */
    public suspend fun ended(): CallState.Ended = state.first { it is CallState.Ended } as CallState.Ended

    internal fun update(snapshot: CallSnapshot) {
        // The end comes with its words a moment later, and is the last.
        if (snapshot.state !is dev.doorstep.core.CallState.Ended && stateNow.value !is CallState.Ended) {
            stateNow.value = snapshot.state.toPublic()
        }
    }

    internal fun end(end: CallEnd) {
        stateNow.value = end.toState()
    }

    internal fun digit(digit: String) {
        digit.firstOrNull()?.let(digitsHeard::tryEmit)
    }

    internal fun measured(quality: dev.doorstep.core.Quality) {
        qualityNow.value = quality.toPublic()
    }

    internal fun release() {
        core.close()
    }

    override fun toString(): String = "Call(id=$id, state=${state.value})"
}
