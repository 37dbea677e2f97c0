package dev.doorstep.android

import android.content.Context
import android.content.pm.PackageManager
import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.Direction
import dev.doorstep.Doorstep
import dev.doorstep.EndReason
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch

/**
 * Shows the core's calls to the phone, and tells the core what the phone wants of them. Lives on the main thread. It keeps what Android
 * knows of a call (its place in Telecom's list, the notification), and nothing that the core knows better.
 */
internal class CallDesk(
    private val context: Context,
    private val doorstep: Doorstep,
    private val options: AndroidOptions,
    private val problems: Problems,
    private val telecom: Telecom?,
) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + Main.dispatcher)
    private val shown = sortedMapOf<Long, Shown>()
    private val notifications = CallNotifications(context, options, problems)
    private val ringer = Ringer(context, options, problems)
    private val sound = PhoneSound(context, problems, ::soundTaken)
    private var last: Call? = null
    private var watchdog: AutoCloseable? = null

    val awake = Awake(context, problems)
    val foreground = Foreground(context, problems, ::notification, isWanted = { shown.isNotEmpty() }, refused = ::present)
    val routes = MutableStateFlow(AudioRoutes.None)

    /** Whether there are calls: the app is not idle then, even if nobody looks at it. */
    val isBusy = MutableStateFlow(false)

    /** A call as the phone shows it. */
    private inner class Shown(
        val call: Call,
    ) : TelecomEvents {
        var listed: TelecomCall? = null
        var answered = false
        var silenced = false
        var problem: Problem? = null
        var watch: Job? = null

        val rings get() = call.state.value is CallState.Incoming && !answered
        val name get() = notifications.name(call)

        override fun refused() {
            if (shown[call.key] !== this) return
            listed = null
            problems.tell(Problem.TelecomRefused)
            present()
        }

        override fun answer() = answer(call.key)

        override fun hold(on: Boolean) {
            val state = call.state.value as? CallState.Active ?: return
            if (state.held != on) command { call.hold(on) }
        }

        override fun hangUp() = hangUp(call.key)

        override fun mute(on: Boolean) = command { call.mute(on) }

        override fun silence() {
            silenced = true
            present()
        }

        override fun routes(routes: AudioRoutes) = this@CallDesk.routed(routes)
    }

    fun start() {
        scope.launch { doorstep.calls.collect(::seen) }
    }

    private fun seen(calls: List<Call>) {
        for (call in calls) {
            if (call.key !in shown && call.state.value !is CallState.Ended) show(call)
        }
        // A call whose end nobody saw, since the SDK was closed with it.
        val there = calls.mapTo(HashSet()) { it.key }
        shown.values.filter { it.call.key !in there && it.call.state.value is CallState.Ended }.forEach(::over)
        if (calls.isEmpty()) shown.values.toList().forEach(::over)
    }

    private fun show(call: Call) {
        val one = Shown(call)
        shown[call.key] = one
        isBusy.value = true
        awake.hold(if (call.direction == Direction.Incoming) Awake.RING_MS else Awake.CALL_MS)
        // What rings is seen first: Telecom may take its time, and may refuse.
        present()
        if (options.telecom) one.listed = telecom?.list(call, one.name, one)
        one.watch = scope.launch { call.state.collect { changed(one, it) } }
    }

    private fun changed(
        one: Shown,
        state: CallState,
    ) {
        if (shown[one.call.key] !== one) return
        when (state) {
            is CallState.Incoming, is CallState.Connecting, is CallState.Ringing -> Unit
            is CallState.Answering -> one.answered = true
            is CallState.Active -> {
                one.answered = true
                awake.hold(Awake.CALL_MS)
                if (state.held) one.listed?.held() else one.listed?.active()
            }
            is CallState.Reconnecting -> Unit
            is CallState.Ended -> return over(one)
        }
        present()
    }

    private fun over(one: Shown) {
        shown.remove(one.call.key)
        one.watch?.cancel()
        last = one.call
        val state = one.call.state.value
        val reason = (state as? CallState.Ended)?.reason ?: EndReason.Shutdown
        one.listed?.ended(reason)
        if (one.call.direction == Direction.Incoming && !one.answered && reason.isMissed()) notifications.missed(one.call)
        present()
    }

    /** Brings what the user sees and hears in line with the calls. */
    private fun present() {
        val ringing = shown.values.find { it.rings }
        val talking = shown.values.any { it.answered || it.call.direction == Direction.Outgoing }
        watchRinging(ringing)
        if (shown.isEmpty()) {
            ringer.stop()
            sound.stop()
            routes.value = AudioRoutes.None
            foreground.release()
            notifications.cancel(CallNotifications.CALL_ID)
            awake.release()
            isBusy.value = false
            return
        }
        foreground.want(microphone = talking && mayRecord())
        if (foreground.isRunning || foreground.isRefused) {
            notifications.show(CallNotifications.CALL_ID, notification(foreground.isRunning))
        }
        if (ringing != null && !ringing.silenced && ringsItself()) ringer.start() else ringer.stop()
        // With Telecom the sound is its business: mode, focus and routes.
        if (talking && shown.values.none { it.listed != null }) sound.start(::routed) else sound.stop()
        earChanged()
    }

    /** The one notification: of what rings, or else of what goes on. */
    private fun notification(byService: Boolean): android.app.Notification {
        val ringing = shown.values.find { it.rings }
        if (ringing != null) {
            return notifications.ringing(ringing.call, quiet = ringing.silenced || ringsItself(), byService)
        }
        val ongoing = shown.values.find { (it.call.state.value as? CallState.Active)?.held == false } ?: shown.values.firstOrNull()
        return ongoing?.let { notifications.ongoing(it.call, byService, it.problem) } ?: notifications.over()
    }

    private fun ringsItself(): Boolean {
        val hidden = !notifications.areShown()
        if (hidden) problems.tell(Problem.NotificationsBlocked)
        return hidden
    }

    /** The core ends what rings for too long; should it not, this does. */
    private fun watchRinging(ringing: Shown?) {
        if (ringing == null) {
            watchdog?.close()
            watchdog = null
        } else if (watchdog == null) {
            watchdog =
                Main.after(Awake.RING_MS) {
                    watchdog = null
                    shown.values.filter { it.rings }.forEach { hangUp(it.call.key) }
                }
        }
    }

    /** The courier takes a call: from the notification or the screen, or on a headset. */
    fun answer(id: Long) {
        val one = shown[id] ?: return
        if (!one.rings) return
        one.answered = true
        if (!mayRecord()) trouble(one, Problem.MicrophoneNotAllowed)
        present()
        if (!foreground.hasMicrophone && mayRecord() && foreground.isRunning) foreground.want(microphone = true)
        val go = { yes: Boolean ->
            when {
                shown[id] !== one -> Unit
                yes -> command { one.call.answer() }
                else -> {
                    // The other call goes on, so that this one rings on, and says why.
                    one.answered = false
                    trouble(one, Problem.OtherCallNotHeld)
                    present()
                }
            }
        }
        one.listed?.answer(go) ?: go(true)
    }

    /** The courier refuses what rings, or ends what goes on. */
    fun hangUp(id: Long) {
        val one = shown[id] ?: return
        val rings = one.rings
        // It stops at once; the core's word comes in a moment.
        one.silenced = true
        present()
        command { if (rings) one.call.reject() else one.call.hangUp() }
    }

    fun call(id: Long): Call? = shown[id]?.call

    /** The call to show: what rings, what goes on, or the last one for its end. */
    fun current(): Call? = (shown.values.find { it.rings } ?: shown.values.lastOrNull())?.call ?: last

    /** The app is on the screen: Android gives the microphone now, if it did not before. */
    fun looked() {
        val talking = shown.values.filter { it.answered || it.call.direction == Direction.Outgoing }
        if (talking.isEmpty() || !mayRecord()) return
        talking.forEach { it.problem = null }
        foreground.want(microphone = true)
        present()
    }

    fun mute(
        id: Long,
        on: Boolean,
    ) = command { shown[id]?.call?.mute(on) }

    fun choose(route: AudioRoute) {
        val listed = shown.values.firstNotNullOfOrNull { it.listed }
        listed?.choose(route) ?: sound.choose(route)
    }

    private fun routed(now: AudioRoutes) {
        routes.value = now
        earChanged()
    }

    private fun earChanged() {
        val active = shown.values.any { (it.call.state.value as? CallState.Active)?.held == false }
        awake.atEar(active && routes.value.current?.kind == AudioRoute.Kind.Earpiece)
    }

    /** Another app has taken the sound, or given it back; without Telecom that is all that is told of its call. */
    private fun soundTaken(taken: Boolean) {
        for (one in shown.values) {
            val state = one.call.state.value as? CallState.Active ?: continue
            if (state.held != taken) command { one.call.hold(taken) }
        }
    }

    private fun trouble(
        one: Shown,
        problem: Problem,
    ) {
        one.problem = problem
        problems.tell(problem)
    }

    private fun mayRecord(): Boolean =
        context.checkSelfPermission(android.Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED

    private fun command(block: suspend () -> Unit) {
        scope.launch { problems.unlessRefused(Unit) { block() } }
    }

    override fun close() {
        shown.values.toList().forEach(::over)
        scope.cancel()
    }
}

/** The customer rang, and nobody here took it. */
private fun EndReason.isMissed(): Boolean =
    when (this) {
        EndReason.NoAnswer, EndReason.Cancelled, EndReason.TimedOut, EndReason.Expired, EndReason.ConnectionLost, EndReason.FarSideLost,
        EndReason.NoNetwork, EndReason.HungUpThere, EndReason.CustomerUnreachable, EndReason.TrunkDown, EndReason.Unavailable,
        EndReason.MediaFailed, EndReason.NoCommonCodec, EndReason.ProtocolError, EndReason.TalkLimit, EndReason.Unauthorized,
        EndReason.NotAllowed, EndReason.OrderClosed, EndReason.NoSuchOrder, EndReason.NoSuchTarget, EndReason.NotYourOrder,
        -> true
        EndReason.HungUpHere, EndReason.Declined, EndReason.DeclinedHere, EndReason.Busy, EndReason.AnsweredElsewhere,
        EndReason.DeclinedElsewhere, EndReason.TooManyCalls, EndReason.Transferred, EndReason.Shutdown,
        -> false
    }
