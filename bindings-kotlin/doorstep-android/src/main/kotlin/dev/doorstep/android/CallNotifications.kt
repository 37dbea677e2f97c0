package dev.doorstep.android

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Person
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.media.AudioAttributes
import android.media.RingtoneManager
import android.os.Build
import dev.doorstep.Call
import dev.doorstep.CallState

/** What the user sees of calls outside of the app. */
internal class CallNotifications(
    private val context: Context,
    private val options: AndroidOptions,
    private val problems: Problems,
) {
    private val manager: NotificationManager? = context.getSystemService(NotificationManager::class.java)
    private val texts = options.texts

    init {
        problems.guard(Problem.NotificationRefused) { createChannels() }
    }

    private fun createChannels() {
        val ring = NotificationChannel(RING, texts.channelRinging, NotificationManager.IMPORTANCE_HIGH)
        // The system plays it, so that "do not disturb", the volume key and Android 17's rule on sound in the background hold.
        val sound = options.ringtone ?: RingtoneManager.getDefaultUri(RingtoneManager.TYPE_RINGTONE)
        val use = AudioAttributes.Builder().setUsage(AudioAttributes.USAGE_NOTIFICATION_RINGTONE)
        ring.setSound(sound, use.setContentType(AudioAttributes.CONTENT_TYPE_SONIFICATION).build())
        ring.enableVibration(true)
        ring.vibrationPattern = VIBRATION
        ring.lockscreenVisibility = Notification.VISIBILITY_PUBLIC
        val calls = NotificationChannel(CALLS, texts.channelCalls, NotificationManager.IMPORTANCE_LOW)
        val missed = NotificationChannel(MISSED, texts.channelMissed, NotificationManager.IMPORTANCE_DEFAULT)
        manager?.createNotificationChannels(listOf(ring, calls, missed))
    }

    /** Whether an incoming call can be seen: neither the app's notifications nor the channel are off. */
    fun areShown(): Boolean =
        problems.guard(Problem.NotificationRefused) {
            val channel = manager?.getNotificationChannel(RING)
            manager?.areNotificationsEnabled() == true && channel?.importance != NotificationManager.IMPORTANCE_NONE
        } ?: false

    /** Whether an incoming call comes as a banner, with its sound. */
    fun areUrgent(): Boolean =
        problems.guard(Problem.NotificationRefused) {
            (manager?.getNotificationChannel(RING)?.importance ?: 0) >= NotificationManager.IMPORTANCE_HIGH
        } ?: false

    /** Whether a call may fill the locked screen. */
    fun mayFillScreen(): Boolean =
        problems.guard(Problem.FullScreenNotAllowed) {
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
                manager?.canUseFullScreenIntent() == true
            } else {
                Build.VERSION.SDK_INT < Build.VERSION_CODES.Q ||
                    context.checkSelfPermission(android.Manifest.permission.USE_FULL_SCREEN_INTENT) == PackageManager.PERMISSION_GRANTED
            }
        } ?: false

    /** A call that rings here. With [quiet] it makes no sound: the user has silenced it, or it rings without this. */
    fun ringing(
        call: Call,
        quiet: Boolean,
        byService: Boolean,
    ): Notification {
        val builder = builder(call, if (quiet) CALLS else RING, texts.incomingCall)
        val answer = activity(call, CallIntents.ANSWER)
        val decline = action(call, CallIntents.DECLINE)
        val fills = mayFillScreen()
        if (!fills) problems.tell(Problem.FullScreenNotAllowed)
        if (fills) builder.setFullScreenIntent(activity(call, CallIntents.SHOW), true)
        // Android throws out a CallStyle that neither a foreground service nor a full-screen intent stands behind.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S && (byService || fills)) {
            builder.style = Notification.CallStyle.forIncomingCall(person(call), decline, answer)
        } else {
            builder.addAction(action(texts.decline, decline)).addAction(action(texts.answer, answer))
        }
        return builder.build().apply { if (!quiet) flags = flags or Notification.FLAG_INSISTENT }
    }

    /** A call that goes on, or is being made. */
    fun ongoing(
        call: Call,
        byService: Boolean,
        problem: Problem?,
    ): Notification {
        val state = call.state.value
        val builder = builder(call, CALLS, problem?.text ?: texts.of(state))
        builder.setUsesChronometer(state is CallState.Active)
        val hangUp = action(call, CallIntents.HANG_UP)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S && byService) {
            builder.style = Notification.CallStyle.forOngoingCall(person(call), hangUp)
        } else {
            builder.addAction(action(texts.hangUp, hangUp))
        }
        return builder.build()
    }

    /** For a service that was started for a call that is over: Android wants to see one all the same. */
    fun over(): Notification = plain(CALLS, texts.callEnded).build()

    /** A call that nobody took. */
    fun missed(call: Call) {
        if (!options.missedCalls) return
        val notification =
            plain(MISSED, texts.missedCall)
                .setContentTitle(name(call))
                .setCategory(Notification.CATEGORY_MISSED_CALL)
                .setVisibility(visibility())
                .setAutoCancel(true)
                .apply { appIntent()?.let(::setContentIntent) }
        show(MISSED_ID + (call.key % MISSED_MOST).toInt(), notification.build())
    }

    /** Shows one without a service. */
    fun show(
        id: Int,
        notification: Notification,
    ) {
        problems.guard(Problem.NotificationRefused) { manager?.notify(id, notification) }
    }

    fun cancel(id: Int) {
        problems.guard(Problem.NotificationRefused) { manager?.cancel(id) }
    }

    fun name(call: Call): String = call.label ?: texts.customer

    private fun builder(
        call: Call,
        channel: String,
        text: String,
    ): Notification.Builder {
        val builder =
            plain(channel, text)
                .setContentTitle(name(call))
                .setCategory(Notification.CATEGORY_CALL)
                .setOngoing(true)
                .setVisibility(visibility())
                .setPublicVersion(plain(channel, text).setContentTitle(texts.customer).build())
                .setContentIntent(activity(call, CallIntents.SHOW))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            builder.setForegroundServiceBehavior(Notification.FOREGROUND_SERVICE_IMMEDIATE)
        }
        return builder
    }

    private fun plain(
        channel: String,
        text: String,
    ) = Notification.Builder(context, channel).setSmallIcon(options.icon).setContentText(text)

    private fun visibility() = if (options.labelOnLockScreen) Notification.VISIBILITY_PUBLIC else Notification.VISIBILITY_PRIVATE

    private fun person(call: Call): Person = Person.Builder().setName(name(call)).setImportant(true).build()

    private fun action(
        text: String,
        intent: PendingIntent,
    ): Notification.Action = Notification.Action.Builder(null, text, intent).build()

    /** Opens the call's screen: only an activity that the user opens gives the app the microphone. */
    private fun activity(
        call: Call,
        action: String,
    ): PendingIntent = PendingIntent.getActivity(context, code(call, action), CallIntents.screen(context, options, call.key, action), FLAGS)

    private fun action(
        call: Call,
        action: String,
    ): PendingIntent = PendingIntent.getBroadcast(context, code(call, action), CallIntents.action(context, call.key, action), FLAGS)

    private fun appIntent(): PendingIntent? {
        val launch = context.packageManager.getLaunchIntentForPackage(context.packageName) ?: return null
        launch.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        return PendingIntent.getActivity(context, 0, launch, FLAGS)
    }

    /** Intents that differ in extras only are one to Android, unless their codes differ. */
    private fun code(
        call: Call,
        action: String,
    ): Int = 31 * call.key.toInt() + CallIntents.ALL.indexOf(action)

    companion object {
        /** The service's; it is there while there are calls. */
        const val CALL_ID = 0x0d00
        private const val MISSED_ID = 0x0d10
        private const val MISSED_MOST = 16
        const val RING = "dev.doorstep.ring"
        const val CALLS = "dev.doorstep.calls"
        const val MISSED = "dev.doorstep.missed"
        val VIBRATION = longArrayOf(0, 1_000, 1_000)
        private const val FLAGS = PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE
    }
}

/** What a call's screen and its notification say of it. */
internal fun Texts.of(state: CallState): String =
    when (state) {
        is CallState.Incoming -> incomingCall
        is CallState.Connecting, is CallState.Answering -> connecting
        is CallState.Ringing -> ringing
        is CallState.Reconnecting -> reconnecting
        is CallState.Active -> if (state.held || state.heldByFarSide) onHold else ongoingCall
        is CallState.Ended -> state.text
    }
