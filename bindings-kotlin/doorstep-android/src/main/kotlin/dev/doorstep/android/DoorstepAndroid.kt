package dev.doorstep.android

import android.app.Application
import android.content.Context
import android.content.Intent
import dev.doorstep.Audio
import dev.doorstep.Call
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.DoorstepError
import dev.doorstep.PushOutcome
import dev.doorstep.PushTarget
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow

/**
 * Starts the SDK on Android: calls ring on the lock screen, are among the phone's own, keep the app alive while they last, and use its
 * microphone and speaker. Call it in `Application.onCreate`, so that it is there when a push starts the app:
 *
 * ```kotlin
 * doorstep = Doorstep.create(this, DoorstepConfig(gateway = url, tokens = { backend.courierToken() }))
 *
 * // in the app's FirebaseMessagingService:
 * override fun onMessageReceived(message: RemoteMessage) {
 *     if (doorstep.handlePush(message.data, message.originalPriority, message.priority)) return
 * }
 * ```
 *
 * One at a time shows its calls: the latest. For none of this use `Doorstep.create(config)` of the JVM module.
 *
 * Without [DoorstepConfig.installation] the app's installation gets a name that stays.
 *
 * @throws DoorstepError as `Doorstep.create` of the JVM module
 */
public fun Doorstep.Companion.create(
    context: Context,
    config: DoorstepConfig,
    options: AndroidOptions = AndroidOptions(),
): Doorstep {
    val app = context.applicationContext ?: context
    val problems = Problems()
    val device = if (options.audio) AndroidAudioDevice(app, options, problems) else null
    val made =
        create(
            DoorstepConfig(
                gateway = config.gateway,
                installation = config.installation ?: installation(app),
                push = config.push,
                audio = device?.let(Audio::Device) ?: config.audio,
                pins = config.pins,
                pinsSuffice = config.pinsSuffice,
                reachable = config.reachable,
                tokens = config.tokens,
            ),
        )
    val layer = AndroidLayer(app, made, options, problems, device, Visibility(app as? Application))
    layer.pushTargetChanged(config.push)
    Layers.enter(layer)
    Main.run(layer::start)
    return AndroidDoorstep(made, layer)
}

/** The SDK with Android around it: what the app does with it, Android's side hears of. */
internal class AndroidDoorstep(
    private val made: Doorstep,
    val layer: AndroidLayer,
) : Doorstep by made {
    /** Firebase's service must not be ended by it: what cannot be taken any more is told as a problem. */
    override fun handlePush(data: Map<String, String>): Boolean {
        layer.pushComes(data)
        return layer.problems.unlessRefused(otherwise = true) { made.handlePush(data) }
    }

    override suspend fun followPush(data: Map<String, String>): PushOutcome? {
        layer.pushComes(data)
        return made.followPush(data)
    }

    override suspend fun setPushTarget(target: PushTarget?) {
        made.setPushTarget(target)
        layer.pushTargetChanged(target)
    }

    override suspend fun signOut() {
        made.signOut()
        layer.close()
    }

    override fun close() {
        made.close()
        layer.close()
    }
}

/** What Android adds to this SDK; null when it was made without. */
public val Doorstep.android: DoorstepAndroid?
    get() = (this as? AndroidDoorstep)?.let { DoorstepAndroid(it, it.layer) }

/**
 * As [Doorstep.handlePush], and also tells how Firebase has treated the message (`RemoteMessage.originalPriority` and `priority`): it
 * lowers the priority of pushes that show nothing, and calls come late then. [DoorstepAndroid.reachabilityReport] says so.
 */
public fun Doorstep.handlePush(
    data: Map<String, String>,
    originalPriority: Int,
    priority: Int,
): Boolean {
    val taken = handlePush(data)
    if (taken) (this as? AndroidDoorstep)?.layer?.pushes?.priorities(originalPriority, priority)
    return taken
}

/** What Android adds to a [Doorstep]. All functions may be called from any thread; none throws. */
public class DoorstepAndroid internal constructor(
    private val doorstep: Doorstep,
    private val layer: AndroidLayer,
) {
    /** What the phone did not allow, as it happens, and the last sixteen from before. */
    public val problems: SharedFlow<Problem> get() = layer.problems.flow

    /** How the sound goes. */
    public val routes: StateFlow<AudioRoutes> get() = layer.desk.routes

    /** Sends the sound another way. [routes] says whether it went. */
    public fun choose(route: AudioRoute): Unit = Main.run { layer.desk.choose(route) }

    /**
     * Takes a call, as [Call.answer] does, and gets the microphone from Android for it: to be used by a screen of the app's own, in the
     * tap on its button.
     */
    public fun answer(call: Call): Unit = Main.run { layer.desk.answer(call.key) }

    /** The call that a screen of the app's own was opened for by this intent; null when it is over, or the intent is none of the SDK's. */
    public fun callOf(intent: Intent?): Call? = CallIntents.call(intent)?.let { id -> doorstep.calls.value.find { it.key == id } }

    /** Whether that intent is the courier's tap on "answer". */
    public fun isAnswer(intent: Intent?): Boolean = intent?.action == CallIntents.ANSWER

    /** What stands between a customer's call and this phone. Looks at the phone's settings; takes some milliseconds. */
    public fun reachabilityReport(): ReachabilityReport = layer.inspection.report()
}

