package dev.doorstep.android

import android.app.Notification
import android.app.NotificationManager
import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.os.Build
import android.os.IBinder

/** Keeps the app alive while there are calls. It holds nothing: what it shows is the desk's. */
public class CallService : Service() {
    override fun onBind(intent: Intent?): IBinder? = null

    override fun onStartCommand(
        intent: Intent?,
        flags: Int,
        startId: Int,
    ): Int {
        val foreground = Layers.desk?.foreground
        if (foreground == null) startedForNothing() else foreground.started(this)
        // After its process has died there is no call left to show.
        return START_NOT_STICKY
    }

    override fun onDestroy() {
        Layers.desk?.foreground?.destroyed(this)
        super.onDestroy()
    }

    /** The SDK was closed between the start and now: Android ends the app if it sees no notification. */
    private fun startedForNothing() {
        try {
            val channel = android.app.NotificationChannel(CHANNEL, "Calls", NotificationManager.IMPORTANCE_LOW)
            getSystemService(NotificationManager::class.java)?.createNotificationChannel(channel)
            val icon = applicationInfo.icon.takeIf { it != 0 } ?: android.R.drawable.sym_call_incoming
            startForeground(CallNotifications.CALL_ID, Notification.Builder(this, CHANNEL).setSmallIcon(icon).build())
        } catch (_: RuntimeException) {
            // Then Android did not wait for one either.
        }
        stopForeground(STOP_FOREGROUND_REMOVE)
        stopSelf()
    }

    private companion object {
        const val CHANNEL = CallNotifications.CALLS
    }
}

/**
 * The foreground service as the desk sees it: wanted or not, with or without the microphone. Android's rules (restrictions-bg-start,
 * fg-service-types): `phoneCall` may start from a push of high priority; `microphone` only while the user looks at the app or has tapped
 * its notification; what was started must show a notification within seconds, even when nobody wants it any more.
 */
internal class Foreground(
    private val context: Context,
    private val problems: Problems,
    /** What there is to show; null: nothing, any more. */
    private val shown: (byService: Boolean) -> Notification,
    private val isWanted: () -> Boolean,
    /** Android has started the service and then refused it the foreground. */
    private val refused: () -> Unit,
) {
    private enum class Stage { Off, Starting, On }

    private var stage = Stage.Off
    private var service: CallService? = null
    private var microphone = false

    /** The service may not run: the notification stands alone. */
    var isRefused = false
        private set

    val isRunning: Boolean get() = stage == Stage.On

    /** Whether Android gives this app the microphone also when it is not on the screen. */
    var hasMicrophone = false
        private set

    /** There are calls. With [microphone] one of them is talked in. */
    fun want(microphone: Boolean) {
        val more = microphone && !hasMicrophone
        this.microphone = this.microphone || microphone
        // Refused once, it is asked for again when the courier does something: then Android allows more.
        if (stage == Stage.Off && !isRefused || more) start()
    }

    private fun start() {
        try {
            context.startForegroundService(Intent(context, CallService::class.java))
            if (stage == Stage.Off) stage = Stage.Starting
            isRefused = false
        } catch (error: RuntimeException) {
            // ForegroundServiceStartNotAllowedException, SecurityException. One that runs already goes on without the microphone.
            problems.tell(if (stage == Stage.Off) Problem.ServiceNotAllowed else Problem.MicrophoneInBackground, error)
            isRefused = stage == Stage.Off
        }
    }

    fun started(service: CallService) {
        this.service = service
        val notification = shown(true)
        val both = microphone && isWanted() && enter(service, notification, microphone = true, Problem.MicrophoneInBackground)
        hasMicrophone = both
        if (both || enter(service, notification, microphone = false, Problem.ServiceNotAllowed)) {
            stage = Stage.On
            isRefused = false
            if (!isWanted()) release()
        } else {
            isRefused = true
            stage = Stage.Off
            this.service = null
            service.stopSelf()
            if (isWanted()) refused()
        }
    }

    private fun enter(
        service: CallService,
        notification: Notification,
        microphone: Boolean,
        problem: Problem,
    ): Boolean =
        problems.guard(problem) {
            when {
                Build.VERSION.SDK_INT < Build.VERSION_CODES.Q -> service.startForeground(CallNotifications.CALL_ID, notification)
                // Android 10 knows no microphone type, and needs none.
                microphone && Build.VERSION.SDK_INT >= Build.VERSION_CODES.R ->
                    service.startForeground(
                        CallNotifications.CALL_ID,
                        notification,
                        ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL or ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE,
                    )
                else ->
                    service.startForeground(CallNotifications.CALL_ID, notification, ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL)
            }
        } != null

    /** There are no calls any more. A service that is still to come must come first. */
    fun release() {
        microphone = false
        hasMicrophone = false
        isRefused = false
        if (stage != Stage.On) return
        stage = Stage.Off
        service?.stopForeground(Service.STOP_FOREGROUND_REMOVE)
        service?.stopSelf()
        service = null
    }

    /** The system has ended it. */
    fun destroyed(service: CallService) {
        if (this.service !== service) return
        this.service = null
        stage = Stage.Off
        hasMicrophone = false
    }
}
