package dev.doorstep

import dev.doorstep.core.DoorstepException

/** Why something could not be done. Nothing was changed. */
public sealed class DoorstepError(
    message: String,
) : Exception(message) {
    /** The gateway's URL cannot be used. */
    public class InvalidGateway(
        why: String,
    ) : DoorstepError("the gateway's URL cannot be used: $why")

    /** A pin is not written `sha256//BASE64`. */
    public class InvalidPin : DoorstepError("a pin is written sha256//BASE64, where BASE64 are 32 bytes")

    /** The platform gives no threads, random numbers or certificates. */
    public class Platform : DoorstepError("the platform gives no threads, random numbers or certificates")

    /** The SDK was closed. */
    public class ShutDown : DoorstepError("the SDK was closed")

    /** Too much is asked at once. */
    public class TooBusy : DoorstepError("too much is asked at once")

    /** The call is over. */
    public class CallOver : DoorstepError("the call is over")

    /** Not possible in the call's present state. */
    public class WrongState : DoorstepError("not possible in the present state of the call")

    /** Not an address that can be called. */
    public class InvalidTarget : DoorstepError("not an address that can be called")

    /** Not a digit that can be sent. */
    public class InvalidDigit : DoorstepError("not a digit that can be sent")

    /** Too many digits wait. */
    public class TooManyDigits : DoorstepError("too many digits wait")

    /** The sampling rate cannot be used. */
    public class InvalidRate : DoorstepError("the sampling rate cannot be used")
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
