package dev.doorstep

import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first

/** One call. Its last [state] is [CallState.Ended]; whatever is asked after it is [DoorstepError.CallOver]. */
public interface Call {
    /** Its number within the SDK; never used twice. */
    public val id: ULong

    /** The gateway's name for it, once known: the `call` of a push. */
    public val callId: String?

    /** Who calls. */
    public val direction: Direction

    /** The order that it is about, once known. */
    public val order: OrderId?

    /** What the company wants the screen to say, once known; it may hold a name and is not for logs. */
    public val label: String?

    /** Where it stands. */
    public val state: StateFlow<CallState>

    /** Digits that the far side sends. */
    public val digits: SharedFlow<Char>

    /** How well it carries, from the first measurement on. */
    public val quality: StateFlow<Quality?>

    /**
     * Takes the call, before its connection is there, too. Other active calls are put on hold.
     *
     * @throws DoorstepError.WrongState when there is nothing to answer
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun answer()

    /**
     * Refuses the call; with [busy] the caller hears that the courier is on the phone.
     *
     * @throws DoorstepError.WrongState when there is nothing to refuse
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun reject(busy: Boolean = false)

    /**
     * Ends the call, whatever its state.
     *
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun hangUp()

    /**
     * Puts the call on hold, or goes on with it; then other active calls are put on hold.
     *
     * @throws DoorstepError.WrongState unless it is answered
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun hold(on: Boolean)

    /**
     * Microphone off, or on; before the answer, too.
     *
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun mute(on: Boolean)

    /**
     * Sends digits (`0`–`9`, `*`, `#`, `A`–`D`), one after the other. Returns when they are taken on.
     *
     * @throws DoorstepError.InvalidDigit for any other character
     * @throws DoorstepError.TooManyDigits when too many wait
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun sendDtmf(digits: String)

    /**
     * Asks the far side to go on with the customer of another order. [DoorstepEvent.Transfer] tells how it goes; when it works, the call
     * ends with [EndReason.Transferred].
     *
     * @throws DoorstepError.InvalidTarget when the order's name cannot be one
     * @throws DoorstepError.WrongState unless the call is answered
     * @throws DoorstepError.CallOver when it has ended
     */
    public suspend fun transfer(order: OrderId)

    /** Waits until the call is over. */
    public suspend fun ended(): CallState.Ended = state.first { it is CallState.Ended } as CallState.Ended
}
