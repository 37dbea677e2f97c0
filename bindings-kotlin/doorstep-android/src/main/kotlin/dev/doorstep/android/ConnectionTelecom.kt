package dev.doorstep.android

import android.content.Context
import android.os.Bundle
import android.telecom.CallAudioState
import android.telecom.Connection
import android.telecom.ConnectionRequest
import android.telecom.ConnectionService
import android.telecom.DisconnectCause
import android.telecom.PhoneAccount
import android.telecom.PhoneAccountHandle
import android.telecom.TelecomManager
import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.Direction
import dev.doorstep.EndReason
import java.util.concurrent.ConcurrentHashMap

private const val CALL = "dev.doorstep.call"

/** Android 8 to 13: a self-managed [ConnectionService]. */
internal class ConnectionTelecom(
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
            val account = manager.register(context, PhoneAccount.CAPABILITY_SELF_MANAGED)
            val listed = ConnectionCall(call, name, events)
            val own = Bundle().apply { putLong(CALL, call.key) }
            asked[call.key] = listed
            try {
                when (call.direction) {
                    Direction.Incoming -> {
                        own.putParcelable(TelecomManager.EXTRA_INCOMING_CALL_ADDRESS, ANYBODY)
                        manager.addNewIncomingCall(account, own)
                    }
                    Direction.Outgoing -> {
                        val extras = Bundle()
                        extras.putParcelable(TelecomManager.EXTRA_PHONE_ACCOUNT_HANDLE, account)
                        extras.putBundle(TelecomManager.EXTRA_OUTGOING_CALL_EXTRAS, own)
                        manager.placeCall(ANYBODY, extras)
                    }
                }
            } catch (error: RuntimeException) {
                asked.remove(call.key)
                throw error
            }
            listed
        }

    companion object {
        /** Calls that Telecom was asked to list, until it asks for their connections or refuses. */
        internal val asked = ConcurrentHashMap<Long, ConnectionCall>()
    }
}

/** Telecom's way in; it binds to it for each call. */
public class DoorstepConnectionService : ConnectionService() {
    override fun onCreateIncomingConnection(
        account: PhoneAccountHandle?,
        request: ConnectionRequest?,
    ): Connection = connection(request)

    override fun onCreateOutgoingConnection(
        account: PhoneAccountHandle?,
        request: ConnectionRequest?,
    ): Connection = connection(request)

    override fun onCreateIncomingConnectionFailed(
        account: PhoneAccountHandle?,
        request: ConnectionRequest?,
    ) {
        asked(request)?.events?.refused()
    }

    override fun onCreateOutgoingConnectionFailed(
        account: PhoneAccountHandle?,
        request: ConnectionRequest?,
    ) {
        asked(request)?.events?.refused()
    }

    private fun connection(request: ConnectionRequest?): Connection =
        // What nobody waits for is of an earlier life of the app.
        asked(request)?.connect() ?: Connection.createFailedConnection(DisconnectCause(DisconnectCause.LOCAL))

    private fun asked(request: ConnectionRequest?): ConnectionCall? {
        val extras = request?.extras ?: return null
        val own =
            listOf(TelecomManager.EXTRA_INCOMING_CALL_EXTRAS, TelecomManager.EXTRA_OUTGOING_CALL_EXTRAS)
                .firstNotNullOfOrNull { extras.getBundle(it)?.takeIf { bundle -> bundle.containsKey(CALL) } } ?: extras
        return ConnectionTelecom.asked.remove(own.getLong(CALL, -1))
    }
}

/** A call of [ConnectionTelecom]. Telecom makes the connection when it sees fit: the call may be over by then. */
internal class ConnectionCall(
    private val call: Call,
    private val name: String,
    val events: TelecomEvents,
) : TelecomCall {
    private var connection: SelfManagedConnection? = null

    fun connect(): Connection {
        val state = call.state.value
        if (state is CallState.Ended) {
            return Connection.createFailedConnection(state.reason.toCause(call.direction, answered = false))
        }
        val made = SelfManagedConnection(name, events)
        connection = made
        when (state) {
            is CallState.Incoming, is CallState.Answering -> made.setRinging()
            is CallState.Connecting, is CallState.Ringing -> made.setDialing()
            is CallState.Active -> if (state.held) made.setOnHold() else made.setActive()
            is CallState.Reconnecting, is CallState.Ended -> made.setActive()
        }
        return made
    }

    /** Telecom holds or ends the phone's other calls by itself when this one becomes active; what it refuses, it tells later. */
    override fun answer(done: (Boolean) -> Unit) = done(true)

    override fun active() {
        connection?.takeIf { it.state != Connection.STATE_ACTIVE }?.setActive()
    }

    override fun held() {
        connection?.takeIf { it.state != Connection.STATE_HOLDING }?.setOnHold()
    }

    override fun ended(reason: EndReason) {
        ConnectionTelecom.asked.remove(call.key)
        val over = connection ?: return
        connection = null
        over.setDisconnected(reason.toCause(call.direction, answered = over.wasActive))
        over.destroy()
    }

    @Suppress("DEPRECATION") // Endpoints are of Android 14.
    override fun choose(route: AudioRoute) {
        route.id.toIntOrNull()?.let { connection?.setAudioRoute(it) }
    }
}

/** The call as Telecom sees it. */
internal class SelfManagedConnection(
    name: String,
    private val events: TelecomEvents,
) : Connection() {
    private var muted = false

    var wasActive = false
        private set

    init {
        connectionProperties = PROPERTY_SELF_MANAGED
        // Without these a call of the SIM card ends this one when it is answered.
        connectionCapabilities = CAPABILITY_HOLD or CAPABILITY_SUPPORT_HOLD or CAPABILITY_MUTE
        audioModeIsVoip = true
        setCallerDisplayName(name, TelecomManager.PRESENTATION_ALLOWED)
        setAddress(ANYBODY, TelecomManager.PRESENTATION_ALLOWED)
    }

    override fun onStateChanged(state: Int) {
        if (state == STATE_ACTIVE) wasActive = true
    }

    /** The call's notification is there before Telecom is asked. */
    override fun onShowIncomingCallUi(): Unit = Unit

    override fun onAnswer(): Unit = events.answer()

    override fun onAnswer(videoState: Int): Unit = events.answer()

    override fun onReject(): Unit = events.hangUp()

    override fun onReject(rejectReason: Int): Unit = events.hangUp()

    override fun onReject(replyMessage: String?): Unit = events.hangUp()

    override fun onDisconnect(): Unit = events.hangUp()

    override fun onAbort(): Unit = events.hangUp()

    override fun onHold(): Unit = events.hold(true)

    override fun onUnhold(): Unit = events.hold(false)

    override fun onSilence(): Unit = events.silence()

    @Deprecated("Its successor, endpoints, is of Android 14, where another way is taken")
    override fun onCallAudioStateChanged(state: CallAudioState?) {
        if (state == null) return
        events.routes(state.toRoutes())
        if (state.isMuted != muted) {
            muted = state.isMuted
            events.mute(muted)
        }
    }
}

private val KINDS =
    mapOf(
        CallAudioState.ROUTE_EARPIECE to AudioRoute.Kind.Earpiece,
        CallAudioState.ROUTE_BLUETOOTH to AudioRoute.Kind.Bluetooth,
        CallAudioState.ROUTE_WIRED_HEADSET to AudioRoute.Kind.WiredHeadset,
        CallAudioState.ROUTE_SPEAKER to AudioRoute.Kind.Speaker,
    )

private fun CallAudioState.toRoutes(): AudioRoutes {
    val available = KINDS.filterKeys { it and supportedRouteMask != 0 }.map { (bit, kind) -> AudioRoute("$bit", kind, "") }
    return AudioRoutes(available.find { it.id == "$route" }, available)
}
