package dev.doorstep.android

import android.Manifest
import android.app.Application
import android.app.ForegroundServiceStartNotAllowedException
import android.app.Notification
import android.app.NotificationManager
import android.content.ComponentName
import android.content.Context
import android.content.ContextWrapper
import android.content.Intent
import android.os.Build
import android.os.Looper
import android.os.Vibrator
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController

/**
 * A phone with the SDK on it, as Robolectric plays it. The system's part that Robolectric leaves to the test (starting a service that was
 * asked for) is done by [settle].
 */
internal class Phone(
    private val options: AndroidOptions = AndroidOptions(),
    permissions: List<String> = EVERYTHING,
) : AutoCloseable {
    val app: Application = RuntimeEnvironment.getApplication()
    val doorstep = FakeDoorstep()
    val problems = Problems()
    private var service: ServiceController<CallService>? = null

    init {
        // As after the app's start in the background.
        shadowOf(app).denyPermissions(*EVERYTHING.toTypedArray())
        shadowOf(app).grantPermissions(*permissions.toTypedArray())
    }

    /** What Android throws at the one who starts a foreground service. */
    var refuseServices: RuntimeException? = null

    /** What Android throws at a service that wants to be in the foreground. */
    var refuseForeground: Exception? = null

    private val context =
        object : ContextWrapper(app) {
            override fun getApplicationContext(): Context = app

            override fun startForegroundService(service: Intent): ComponentName? {
                refuseServices?.let { throw it }
                return super.startForegroundService(service)
            }
        }

    val layer = AndroidLayer(context, doorstep, options, problems, null, Visibility(app))
    val desk get() = layer.desk

    fun start(): Phone {
        Layers.enter(layer)
        layer.start()
        settle()
        return this
    }

    /** Lets everything happen that was set in motion. */
    fun settle() {
        do {
            settleWithoutServices()
        } while (startServices())
    }

    /** As [settle], but the system has not come to starting the service. */
    fun settleWithoutServices() = shadowOf(Looper.getMainLooper()).idle()

    private fun startServices(): Boolean {
        var any = false
        while (true) {
            val intent = shadowOf(app).nextStartedService ?: return any
            if (intent.component?.className != CallService::class.java.name) continue
            val alive = service?.takeUnless { shadowOf(it.get()).isStoppedBySelf }
            val controller = alive ?: Robolectric.buildService(CallService::class.java, intent).create()
            service = controller
            refuseForeground?.let { shadowOf(controller.get()).setThrowInStartForeground(it) }
            controller.get().onStartCommand(intent, 0, 1)
            any = true
        }
    }

    val lastService: CallService? get() = service?.get()

    /** The foreground service, while it runs. */
    val running: CallService? get() = service?.get()?.takeUnless { shadowOf(it).isStoppedBySelf }

    /** `ServiceInfo.FOREGROUND_SERVICE_TYPE_*` of the service. */
    val serviceTypes: Int get() = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) running?.foregroundServiceType ?: 0 else 0

    private val manager = app.getSystemService(NotificationManager::class.java)

    /** The call's notification: the service's, or the one that stands alone. */
    val notification: Notification?
        get() = shadowOf(manager).getNotification(CallNotifications.CALL_ID) ?: running?.let { shadowOf(it).lastForegroundNotification }

    val notifications: List<Notification> get() = shadowOf(manager).allNotifications

    /** What the app was told that the phone did not allow. */
    val told: List<Problem> get() = problems.flow.replayCache

    val isHeldAwake: Boolean get() = desk.awake.isHeld

    val vibrates: Boolean
        get() {
            @Suppress("DEPRECATION")
            return shadowOf(app.getSystemService(Context.VIBRATOR_SERVICE) as Vibrator).isVibrating
        }

    fun allowFullScreen(on: Boolean) {
        FullScreenShadow.allowed = on
    }

    fun broadcast(intent: Intent) {
        CallActions().onReceive(app, intent)
        settle()
    }

    override fun close() {
        layer.close()
        settle()
    }

    companion object {
        fun serviceNotAllowed(): RuntimeException =
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
                ForegroundServiceStartNotAllowedException("not from the background")
            } else {
                IllegalStateException("not from the background")
            }

        val EVERYTHING: List<String> =
            listOf(
                Manifest.permission.RECORD_AUDIO,
                Manifest.permission.POST_NOTIFICATIONS,
                Manifest.permission.USE_FULL_SCREEN_INTENT,
            )
    }
}

internal fun Notification.title(): String? = extras.getCharSequence(Notification.EXTRA_TITLE)?.toString()

internal fun Notification.text(): String? = extras.getCharSequence(Notification.EXTRA_TEXT)?.toString()

/** As a class's name; null where Android has none. */
internal fun Notification.style(): String? = extras.getString(Notification.EXTRA_TEMPLATE)

internal inline fun <reified T> Context.service(): T = getSystemService(T::class.java)
