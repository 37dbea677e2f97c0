package dev.doorstep.courier

import dev.doorstep.Call
import dev.doorstep.CallState
import dev.doorstep.ConnectionState
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.Quality
import dev.doorstep.Reachability
import dev.doorstep.SignedOutException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharingStarted
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.stateIn
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import java.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/** There is no SDK to be had with this account on this device. */
class NoPhone(
    val trouble: Trouble,
) : Exception(trouble.what)

/**
 * All that the app does with the Doorstep SDK: it keeps one for as long as the courier is signed in, calls customers, shows calls that
 * come in, and makes a [CallView] of each call's state. Runs on [parent]'s thread, the one that draws.
 *
 * @throws NoPhone when the SDK cannot be started
 */
class Phone(
    private val account: Account,
    private val device: Device,
    parent: CoroutineScope,
    private val clock: Clock = Clock.systemDefaultZone(),
    private val time: TimeSource = TimeSource.Monotonic,
    /** How a call is taken: on Android the SDK gets the microphone for it. */
    private val answer: suspend (Call) -> Unit = { it.answer() },
    connect: (DoorstepConfig) -> Doorstep,
) {
    private val scope = CoroutineScope(parent.coroutineContext + Job(parent.coroutineContext.job))
    private val doorstep: Doorstep =
        try {
            connect(DoorstepConfig(gateway = account.server, tokens = { token() }))
        } catch (error: DoorstepError) {
            throw NoPhone(error.trouble())
        }
    private var shown = emptyList<LiveCall>()
    private val foremost = MutableStateFlow<LiveCall?>(null)

    val status: StateFlow<LineStatus> =
        combine(doorstep.connection, doorstep.reachability, ::lineStatus).stateIn(scope, SharingStarted.Eagerly, LineStatus.Connecting)

    /** The call to show: one that rings first, then the latest that goes on, then one that is over until it is put away. */
    val call: StateFlow<LiveCall?> = foremost.asStateFlow()

    init {
        // What a push has begun is there at once; later on each call is in the list before it rings.
        scope.launch { doorstep.calls.collect { calls -> calls.forEach(::adopt) } }
        scope.launch {
            doorstep.events.collect { event ->
                if (event is DoorstepEvent.Refused) shown.find { it.id == event.call.id }?.tell(event.error)
            }
        }
    }

    /** The button "contact customer". Returns what stood against it. */
    suspend fun contact(order: OrderRow): Trouble? =
        try {
            adopt(doorstep.contactCustomer(OrderId(order.id)), order.title)
            null
        } catch (error: DoorstepError) {
            error.trouble()
        }

    /** The call is over and read: it leaves the screen. */
    fun putAway(call: LiveCall) {
        call.close()
        show(shown - call)
    }

    /** The device has gone to another network. The SDK's Android layer sees this by itself. */
    suspend fun networkChanged() = doorstep.networkChanged()

    /** The courier signs out: no push wakes this device any more. */
    suspend fun signOut() {
        try {
            doorstep.signOut()
        } catch (_: DoorstepError) {
            // It was closed already.
        }
        scope.cancel()
    }

    /** The app is closed: the registration stays, and a push wakes the app. */
    fun close() {
        doorstep.close()
        scope.cancel()
    }

    /** An app of a company's own asks its backend for a fresh one here. */
    private fun token(): String {
        if (account.isExpired(clock.instant())) throw SignedOutException()
        return account.token
    }

    private fun adopt(
        call: Call,
        title: String? = null,
    ) {
        val known = shown.find { it.id == call.id }
        if (known == null) show(shown + LiveCall(call, title, device, scope, time, answer) { show(shown) }) else title?.let(known::rename)
    }

    private fun show(calls: List<LiveCall>) {
        shown = calls
        foremost.value =
            calls.find { it.view.value.stage == CallStage.Incoming }
                ?: calls.findLast { it.view.value.stage != CallStage.Ended }
                ?: calls.lastOrNull()
    }
}

/** One call on the screen. */
class LiveCall internal constructor(
    private val call: Call,
    private var title: String?,
    private val device: Device,
    parent: CoroutineScope,
    time: TimeSource,
    private val take: suspend (Call) -> Unit,
    private val moved: () -> Unit,
) {
    private val scope = CoroutineScope(parent.coroutineContext + Job(parent.coroutineContext.job))
    private var answered: TimeMark? = null
    private var isKeypadShown = false
    private var keys = ""
    private var refusal: String? = null
    private var quality: LineQuality? = null
    private val viewNow = MutableStateFlow(draw())

    internal val id: ULong get() = call.id

    val view: StateFlow<CallView> = viewNow.asStateFlow()

    /** The order to call again. */
    val order: String? get() = call.order?.value

    init {
        scope.launch {
            call.state.collectLatest { state ->
                if (state is CallState.Active && answered == null) answered = time.markNow()
                show()
                // The clock on the screen.
                while (state is CallState.Active) {
                    delay(1.seconds - (answered?.elapsedNow() ?: Duration.ZERO).inWholeMilliseconds.mod(1_000).milliseconds)
                    show()
                }
            }
        }
        scope.launch {
            var before: Quality? = null
            call.quality.collect { now ->
                quality = now?.let { lineQuality(before, it) }
                before = now
                show()
            }
        }
        scope.launch { combine(device.onSpeaker, device.soundNotice) { _, _ -> }.collect { show() } }
    }

    fun answer() = ask { take(this) }

    fun decline() = ask { reject() }

    fun hangUp() = ask { hangUp() }

    fun mute() = ask { (state.value as? CallState.Active)?.let { mute(!it.muted) } }

    fun hold() = ask { (state.value as? CallState.Active)?.let { hold(!it.held) } }

    fun speaker() {
        device.onSpeaker.value?.let { device.useSpeaker(!it) }
    }

    fun keypad() {
        isKeypadShown = !isKeypadShown
        show()
    }

    fun key(key: Char) =
        ask {
            sendDtmf(key.toString())
            keys += key
            show()
        }

    internal fun rename(to: String) {
        title = to
        show()
    }

    internal fun tell(error: DoorstepError) {
        refusal = "${error.message}. ${error.advice}."
        show()
    }

    internal fun close() = scope.cancel()

    private fun ask(what: suspend Call.() -> Unit) {
        scope.launch {
            try {
                refusal = null
                show()
                call.what()
            } catch (_: DoorstepError.CallOver) {
                // The screen says so already.
            } catch (error: DoorstepError) {
                tell(error)
            }
        }
    }

    private fun show() {
        val before = viewNow.value.stage
        viewNow.value = draw()
        if (viewNow.value.stage != before) moved()
    }

    private fun draw(): CallView {
        val state = call.state.value
        val active = state as? CallState.Active
        return CallView(
            title = call.label ?: title ?: Word.Customer.text,
            stage = stage(state),
            status = status(state),
            isMuted = active?.muted == true,
            isHeld = active?.held == true,
            onSpeaker = device.onSpeaker.value.takeIf { state !is CallState.Ended },
            canMute = active != null,
            canHold = active != null,
            canSendKeys = active != null && !active.held,
            canCallAgain = state is CallState.Ended && call.order != null && state.reason in AGAIN,
            isKeypadShown = isKeypadShown && active != null,
            keys = keys,
            quality = quality.takeIf { active != null && !active.held && !active.heldByFarSide },
            notice = (refusal ?: device.soundNotice.value).takeIf { state !is CallState.Ended },
        )
    }

    private fun stage(state: CallState): CallStage =
        when (state) {
            is CallState.Incoming -> CallStage.Incoming
            is CallState.Connecting, is CallState.Ringing, is CallState.Answering -> CallStage.Setup
            is CallState.Active, is CallState.Reconnecting -> CallStage.Talking
            is CallState.Ended -> CallStage.Ended
        }

    private fun status(state: CallState): String =
        when (state) {
            is CallState.Connecting -> Word.StateConnecting.text
            is CallState.Ringing -> Word.StateRinging.text
            is CallState.Incoming -> Word.IncomingCall.text
            is CallState.Answering -> Word.StateAnswering.text
            is CallState.Reconnecting -> Word.StateReconnecting.text
            is CallState.Active ->
                when {
                    state.held -> "${Word.StateHeld.text} · ${elapsed()}"
                    state.heldByFarSide -> Word.StateHeldByCustomer.text
                    else -> elapsed()
                }
            is CallState.Ended -> state.text
        }

    private fun elapsed(): String =
        (answered?.elapsedNow() ?: Duration.ZERO).toComponents { hours, minutes, seconds, _ ->
            if (hours > 0) "%d:%02d:%02d".format(hours, minutes, seconds) else "%02d:%02d".format(minutes, seconds)
        }

    private companion object {
        /** Ends after which another try may fare better. */
        val AGAIN =
            setOf(
                EndReason.HungUpHere,
                EndReason.HungUpThere,
                EndReason.Declined,
                EndReason.Busy,
                EndReason.NoAnswer,
                EndReason.CustomerUnreachable,
                EndReason.Cancelled,
                EndReason.DeclinedHere,
                EndReason.TrunkDown,
                EndReason.TooManyCalls,
                EndReason.Unavailable,
                EndReason.NoNetwork,
                EndReason.ConnectionLost,
                EndReason.FarSideLost,
                EndReason.MediaFailed,
                EndReason.TimedOut,
                EndReason.Expired,
                EndReason.ProtocolError,
            )
    }
}

internal fun lineStatus(
    connection: ConnectionState,
    reachability: Reachability,
): LineStatus =
    when {
        reachability is Reachability.Failed && reachability.reason == EndReason.Unauthorized -> LineStatus.SignedOut
        connection == ConnectionState.Waiting -> LineStatus.Offline
        reachability is Reachability.Failed -> LineStatus.NotReachable
        connection == ConnectionState.Connected && reachability is Reachability.Reachable -> LineStatus.Reachable
        else -> LineStatus.Connecting
    }

/**
 * What a courier hears of the line since the measurement before. One way takes half the round trip and two to three times the jitter; from
 * some 250 ms on people talk at the same time (ITU-T G.114), and Opus conceals a few lost packets in a hundred well.
 */
internal fun lineQuality(
    before: Quality?,
    now: Quality,
): LineQuality {
    val received = (now.packetsReceived - (before?.packetsReceived ?: 0UL)).toDouble()
    val lost = (now.packetsLost - minOf(before?.packetsLost ?: 0UL, now.packetsLost)).toDouble()
    if (received == 0.0) return LineQuality.Bad
    val loss = lost / (received + lost)
    val delay = (now.roundTrip ?: Duration.ZERO) / 2 + now.jitter * 3
    return when {
        loss > 0.15 || delay > 800.milliseconds -> LineQuality.Bad
        loss > 0.06 || delay > 450.milliseconds -> LineQuality.Weak
        loss > 0.02 || delay > 250.milliseconds -> LineQuality.Fair
        else -> LineQuality.Good
    }
}

private fun DoorstepError.trouble() = Trouble("${message.orEmpty()}.", "$advice.")
