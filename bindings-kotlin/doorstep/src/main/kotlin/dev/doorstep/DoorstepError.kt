package dev.doorstep

import dev.doorstep.core.DoorstepException
import kotlinx.coroutines.CancellationException

/**
 * Why something could not be done. Nothing was changed.
 *
 * [message] says what is wrong and [advice] what to do about it, each in a sentence that a courier can read.
 */
public sealed class DoorstepError(
    message: String,
    /** What to do about it. */
    public val advice: String,
) : Exception(message) {
    /** The gateway's URL cannot be used: it must be `wss://HOST[:PORT]/PATH`. */
    public class InvalidGateway(
        why: String,
    ) : DoorstepError("The address of the service cannot be used: $why", UPDATE)

    /** A pin is not written `sha256//BASE64` of 32 bytes. */
    public class InvalidPin : DoorstepError("The service's key is not written as sha256//BASE64 of 32 bytes", UPDATE)

    /** The platform gives no threads, random numbers or certificates. */
    public class Platform : DoorstepError("The device is out of memory or lacks what secure calls need", "Restart the device and try again")

    /** The SDK was closed. */
    public class ShutDown : DoorstepError("You are signed out", "Sign in again")

    /** Too much is asked at once. */
    public class TooBusy : DoorstepError("The app is too busy", AGAIN)

    /** The call is over. */
    public class CallOver : DoorstepError("The call is over", "Call again")

    /** Not possible in the call's present state. */
    public class WrongState : DoorstepError("This is not possible at this point of the call", AGAIN)

    /** Not an address that can be called. */
    public class InvalidTarget : DoorstepError("This order cannot be called", "Check the order")

    /** Not a digit that can be sent: `0`–`9`, `*`, `#` and `A`–`D` can. */
    public class InvalidDigit : DoorstepError("This key cannot be sent", "Use the digits, * and #")

    /** More digits wait than may. */
    public class TooManyDigits : DoorstepError("Too many keys were pressed at once", AGAIN)

    /** A rate of the audio device is not a whole number of samples in 10 ms, or out of range. */
    public class InvalidRate : DoorstepError("The sound device cannot be used", UPDATE)
}

private const val AGAIN = "Try again in a moment"
private const val UPDATE = "Update the app, or tell its makers"

/** The core's errors in the API's own words. */
internal inline fun <T> translated(block: () -> T): T =
    try {
        block()
    } catch (error: DoorstepException) {
        throw error.toPublic()
    } catch (error: CancellationException) {
        throw error
    } catch (_: IllegalStateException) {
        // A handle of the generated layer that was given back.
        throw DoorstepError.ShutDown()
    }

internal fun DoorstepException.toPublic(): DoorstepError =
    when (this) {
        is DoorstepException.InvalidGateway -> DoorstepError.InvalidGateway(why)
        is DoorstepException.InvalidPin -> DoorstepError.InvalidPin()
        is DoorstepException.Platform -> DoorstepError.Platform()
        is DoorstepException.ShutDown -> DoorstepError.ShutDown()
        is DoorstepException.TooBusy -> DoorstepError.TooBusy()
        is DoorstepException.CallOver -> DoorstepError.CallOver()
        is DoorstepException.WrongState -> DoorstepError.WrongState()
        is DoorstepException.InvalidTarget -> DoorstepError.InvalidTarget()
        is DoorstepException.InvalidDigit -> DoorstepError.InvalidDigit()
        is DoorstepException.TooManyDigits -> DoorstepError.TooManyDigits()
        is DoorstepException.InvalidRate -> DoorstepError.InvalidRate()
    }
