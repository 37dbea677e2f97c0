package dev.doorstep.android

import android.content.Context
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepEvent
import dev.doorstep.PushOutcome
import dev.doorstep.PushTarget
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.launch
import java.util.UUID

/** Everything of Android's around one [Doorstep]. */
internal class AndroidLayer(
    context: Context,
    private val doorstep: Doorstep,
    val options: AndroidOptions,
    val problems: Problems,
    private val device: AndroidAudioDevice?,
    private val visibility: Visibility,
) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + Main.dispatcher)
    private val network = NetworkWatch(context, problems) { tell { doorstep.networkChanged() } }

    val pushes = Pushes(context)
    val desk = CallDesk(context, doorstep, options, problems, if (options.telecom) telecom(context, problems) else null)
    val inspection = Inspection(context, doorstep, CallNotifications(context, options, problems), problems, pushes)

    fun start() {
        visibility.start()
        desk.start()
        network.start()
        scope.launch {
            val idle = combine(visibility.visible, desk.isBusy) { visible, busy -> !visible && !busy }
            idle.distinctUntilChanged().collect { tell { doorstep.setBackground(it) } }
        }
        scope.launch {
            doorstep.events.collect { event ->
                when (event) {
                    is DoorstepEvent.Push -> pushDone(event.outcome)
                    is DoorstepEvent.ConnectFailed, is DoorstepEvent.FirstAudio, is DoorstepEvent.Transfer, is DoorstepEvent.Refused,
                    is DoorstepEvent.Lagged,
                    -> Unit
                }
            }
        }
        scope.launch {
            visibility.visible.collect { visible ->
                if (visible) {
                    desk.looked()
                    device?.microphoneMayBeBack()
                }
            }
        }
    }

    private fun tell(block: suspend () -> Unit) {
        scope.launch { problems.unlessRefused(Unit) { block() } }
    }

    /** A push is handed in: the phone stays awake until it is looked at. Firebase keeps it so no longer than its callback runs. */
    fun pushComes(data: Map<String, String>) {
        // Another one's message is none of ours, and soon looked at.
        if ("call" !in data) return
        desk.awake.hold(Awake.PUSH_MS)
        pushes.came(data)
    }

    private fun pushDone(outcome: PushOutcome) =
        when (outcome) {
            is PushOutcome.Rings -> pushes.done(null)
            is PushOutcome.NoCall -> pushes.done(outcome.reason)
        }

    fun pushTargetChanged(target: PushTarget?) = pushes.target(target?.token)

    override fun close() {
        Layers.leave(this)
        Main.run {
            scope.cancel()
            network.close()
            visibility.close()
            desk.close()
        }
    }
}

/** The latest layer of this process: Android's services and screens find it here. */
internal object Layers {
    @Volatile var current: AndroidLayer? = null
        private set

    val desk: CallDesk? get() = current?.desk

    @Synchronized
    fun enter(layer: AndroidLayer) {
        current = layer
    }

    @Synchronized
    fun leave(layer: AndroidLayer) {
        if (current === layer) current = null
    }
}

/** Names this installation, the same at every start. */
internal fun installation(context: Context): String {
    val kept = context.getSharedPreferences("dev.doorstep", Context.MODE_PRIVATE)
    kept.getString("installation", null)?.let { return it }
    return UUID.randomUUID().toString().also { kept.edit().putString("installation", it).apply() }
}
