package dev.doorstep.android

import android.content.ComponentName
import android.content.Context
import android.net.Uri
import android.os.Build
import android.telecom.DisconnectCause
import android.telecom.PhoneAccount
import android.telecom.PhoneAccountHandle
import android.telecom.TelecomManager
import dev.doorstep.Call
import dev.doorstep.Direction
import dev.doorstep.EndReason

/**
 * The phone's list of calls: a car or a headset can answer them, and a call of the SIM card holds them. Self-managed: the app shows them
 * itself. All functions are called on the main thread, and so are [TelecomEvents].
 */
internal interface Telecom {
    /** Lists a call; null when Telecom will not have it, which [problems][Problems] were told. */
    fun list(
        call: Call,
        name: String,
        events: TelecomEvents,
    ): TelecomCall?
}

/** A call in that list. What it is told twice, or after its end, does nothing. */
internal interface TelecomCall {
    /** The courier answers. [done] says whether the phone's other calls make room: false leaves it ringing. */
    fun answer(done: (Boolean) -> Unit)

    fun active()

    fun held()

    fun ended(reason: EndReason)

    fun choose(route: AudioRoute)
}

/** What the phone, a car or a headset wants of a call. */
internal interface TelecomEvents {
    /** Telecom does not list the call after all. */
    fun refused()

    fun answer()

    fun hold(on: Boolean)

    fun hangUp()

    fun mute(on: Boolean)

    /** A volume key was pressed while it rings. */
    fun silence()

    fun routes(routes: AudioRoutes)
}

/** The way that this version of Android wants; null when it has none for apps. */
internal fun telecom(
    context: Context,
    problems: Problems,
): Telecom? =
    problems.guard(Problem.TelecomUnavailable) {
        val manager = context.getSystemService(TelecomManager::class.java)
        when {
            manager == null -> null.also { problems.tell(Problem.TelecomUnavailable) }
            Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE -> TransactionalTelecom(context, manager, problems)
            else -> ConnectionTelecom(context, manager, problems)
        }
    }

/** The app's account with Telecom. It is registered anew for each call: that is cheap, and the user may have removed it. */
internal fun TelecomManager.register(
    context: Context,
    capabilities: Int,
): PhoneAccountHandle {
    val handle = PhoneAccountHandle(ComponentName(context, DoorstepConnectionService::class.java), "doorstep")
    val name = context.applicationInfo.loadLabel(context.packageManager)
    registerPhoneAccount(PhoneAccount.builder(handle, name).setCapabilities(capabilities).build())
    return handle
}

/** Telecom wants an address of each call. It is the same for all: no side sees the other's. */
internal val ANYBODY: Uri = Uri.fromParts(PhoneAccount.SCHEME_SIP, "customer", null)

/** In the four words that self-managed calls may end with. */
internal fun EndReason.toCause(
    direction: Direction,
    answered: Boolean,
): DisconnectCause =
    DisconnectCause(
        when (this) {
            EndReason.HungUpHere, EndReason.Transferred, EndReason.Shutdown -> DisconnectCause.LOCAL
            EndReason.DeclinedHere -> DisconnectCause.REJECTED
            EndReason.HungUpThere, EndReason.Declined, EndReason.Busy, EndReason.NotYourOrder, EndReason.NoSuchOrder,
            EndReason.OrderClosed, EndReason.CustomerUnreachable, EndReason.TrunkDown, EndReason.TooManyCalls, EndReason.Unavailable,
            EndReason.Unauthorized, EndReason.NotAllowed, EndReason.NoSuchTarget, EndReason.NoNetwork, EndReason.ConnectionLost,
            EndReason.FarSideLost, EndReason.MediaFailed, EndReason.NoCommonCodec, EndReason.TalkLimit, EndReason.ProtocolError,
            EndReason.AnsweredElsewhere, EndReason.DeclinedElsewhere,
            -> DisconnectCause.REMOTE
            EndReason.NoAnswer, EndReason.Cancelled, EndReason.TimedOut, EndReason.Expired ->
                if (direction == Direction.Incoming && !answered) DisconnectCause.MISSED else DisconnectCause.REMOTE
        },
    )
