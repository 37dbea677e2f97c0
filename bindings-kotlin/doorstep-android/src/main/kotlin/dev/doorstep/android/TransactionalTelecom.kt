package dev.doorstep.android

import android.annotation.TargetApi
import android.content.Context
import android.os.Build
import android.os.Bundle
import android.os.OutcomeReceiver
import android.telecom.CallAttributes
import android.telecom.CallControl
import android.telecom.CallControlCallback
import android.telecom.CallEndpoint
import android.telecom.CallEventCallback
import android.telecom.CallException
import android.telecom.DisconnectCause
import android.telecom.PhoneAccount
import android.telecom.TelecomManager
import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.Direction
import dev.doorstep.EndReason
import java.util.function.Consumer

/** Android 14 and later: [TelecomManager.addCall]. Telecom tells of each change whether it is to be, and routes are endpoints. */
@TargetApi(Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
internal class TransactionalTelecom(
    private val context: Context,
    private val manager: TelecomManager,
    private val problems: Problems,
) : Telecom {
    override fun list(
        call: Call,
        name: String,
        events: TelecomEvents,
    ): TelecomCall? =
        problems.guard(Problem.TelecomRefused) {
            val account =
                manager.register(
                    context,
                    PhoneAccount.CAPABILITY_SELF_MANAGED or PhoneAccount.CAPABILITY_SUPPORTS_TRANSACTIONAL_OPERATIONS,
                )
            val direction =
                when (call.direction) {
                    Direction.Incoming -> CallAttributes.DIRECTION_INCOMING
                    Direction.Outgoing -> CallAttributes.DIRECTION_OUTGOING
                }
            val attributes =
                CallAttributes
                    .Builder(account, direction, name, ANYBODY)
                    .setCallType(CallAttributes.AUDIO_CALL)
                    .setCallCapabilities(CallAttributes.SUPPORTS_SET_INACTIVE)
                    .build()
            TransactionalCall(call, events, problems).also { manager.addCall(attributes, Main, it.control, it, it) }
        }
}

/** A call of [TransactionalTelecom]. Until Telecom has listed it, what it should know waits: only the latest counts. */
@TargetApi(Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
private class TransactionalCall(
    private val call: Call,
    private val events: TelecomEvents,
    private val problems: Problems,
) : TelecomCall,
    CallControlCallback,
    CallEventCallback {
    /** What Telecom has been told of the call. */
    private enum class Told { Nothing, Active, Held, Ended }

    private var listed: CallControl? = null
    private var refused = false
    private var told = Told.Nothing
    private var wanted = Told.Nothing
    private var ended: EndReason? = null
    private var answering: ((Boolean) -> Unit)? = null
    private var endpoints = emptyList<CallEndpoint>()
    private var endpoint: CallEndpoint? = null
    private var muted = false

    val control =
        object : OutcomeReceiver<CallControl, CallException> {
            override fun onResult(result: CallControl) {
                listed = result
                answering?.let { done -> answer(result, done) } ?: catchUp()
            }

            override fun onError(error: CallException) {
                refused = true
                answering?.invoke(true)
                answering = null
                events.refused()
            }
        }

    override fun answer(done: (Boolean) -> Unit) {
        val control = listed
        when {
            refused || ended != null -> done(true)
            control != null -> answer(control, done)
            // Telecom answers within moments, with one or the other.
            else -> answering = done
        }
    }

    private fun answer(
        control: CallControl,
        done: (Boolean) -> Unit,
    ) {
        answering = null
        val outcome =
            outcome { error ->
                if (error == null) told = Told.Active
                done(error?.code != CallException.CODE_CANNOT_HOLD_CURRENT_ACTIVE_CALL)
                catchUp()
            }
        problems.guard(Problem.TelecomRefused) { control.answer(CallAttributes.AUDIO_CALL, Main, outcome) } ?: done(true)
    }

    override fun active() = want(Told.Active)

    override fun held() = want(Told.Held)

    override fun ended(reason: EndReason) {
        if (ended != null) return
        ended = reason
        want(Told.Ended)
    }

    private fun want(state: Told) {
        wanted = state
        catchUp()
    }

    private fun catchUp() {
        val control = listed ?: return
        if (wanted == told || told == Told.Ended) return
        val wasActive = told != Told.Nothing
        told = wanted
        val outcome = outcome { error -> error?.let { problems.tell(Problem.TelecomRefused, it) } }
        problems.guard(Problem.TelecomRefused) {
            when (wanted) {
                Told.Nothing -> Unit
                Told.Active -> control.setActive(Main, outcome)
                Told.Held -> control.setInactive(Main, outcome)
                Told.Ended -> {
                    val cause = (ended ?: EndReason.HungUpHere).toCause(call.direction, wasActive)
                    control.disconnect(cause, Main, outcome)
                }
            }
        }
    }

    override fun choose(route: AudioRoute) {
        val wanted = endpoints.find { it.identifier.toString() == route.id }
        val control = listed
        if (wanted == null || control == null) return problems.tell(Problem.RouteRefused)
        val outcome = outcome { error -> error?.let { problems.tell(Problem.RouteRefused, it) } }
        problems.guard(Problem.RouteRefused) { control.requestCallEndpointChange(wanted, Main, outcome) }
    }

    private fun outcome(done: (CallException?) -> Unit) =
        object : OutcomeReceiver<Void, CallException> {
            override fun onResult(result: Void?) = done(null)

            override fun onError(error: CallException) = done(error)
        }

    // What Telecom asks is granted at once: it waits five seconds, and then ends the call. The core follows.

    override fun onSetActive(wasCompleted: Consumer<Boolean>) {
        told = Told.Active
        wanted = Told.Active
        wasCompleted.accept(true)
        events.hold(false)
    }

    override fun onSetInactive(wasCompleted: Consumer<Boolean>) {
        told = Told.Held
        wanted = Told.Held
        wasCompleted.accept(true)
        events.hold(true)
    }

    override fun onAnswer(
        videoState: Int,
        wasCompleted: Consumer<Boolean>,
    ) {
        val over = call.state.value is CallState.Ended
        if (!over) {
            told = Told.Active
            wanted = Told.Active
        }
        wasCompleted.accept(!over)
        if (!over) events.answer()
    }

    override fun onDisconnect(
        cause: DisconnectCause,
        wasCompleted: Consumer<Boolean>,
    ) {
        told = Told.Ended
        wanted = Told.Ended
        wasCompleted.accept(true)
        events.hangUp()
    }

    override fun onCallStreamingStarted(wasCompleted: Consumer<Boolean>) = wasCompleted.accept(false)

    override fun onCallStreamingFailed(reason: Int) = Unit

    override fun onEvent(
        event: String,
        extras: Bundle,
    ) = Unit

    override fun onMuteStateChanged(isMuted: Boolean) {
        // It is also told at the start, when nobody has changed it.
        if (isMuted != muted) {
            muted = isMuted
            events.mute(isMuted)
        }
    }

    override fun onCallEndpointChanged(newCallEndpoint: CallEndpoint) {
        endpoint = newCallEndpoint
        events.routes(routes())
    }

    override fun onAvailableCallEndpointsChanged(availableEndpoints: List<CallEndpoint>) {
        endpoints = availableEndpoints
        events.routes(routes())
    }

    private fun routes() = AudioRoutes(endpoint?.toRoute(), endpoints.map { it.toRoute() })
}

@TargetApi(Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
private fun CallEndpoint.toRoute(): AudioRoute {
    val kind =
        when (endpointType) {
            CallEndpoint.TYPE_EARPIECE -> AudioRoute.Kind.Earpiece
            CallEndpoint.TYPE_SPEAKER -> AudioRoute.Kind.Speaker
            CallEndpoint.TYPE_WIRED_HEADSET -> AudioRoute.Kind.WiredHeadset
            CallEndpoint.TYPE_BLUETOOTH -> AudioRoute.Kind.Bluetooth
            else -> AudioRoute.Kind.Other
        }
    return AudioRoute(identifier.toString(), kind, endpointName.toString())
}
