package dev.doorstep.android

import android.app.ActivityManager
import android.app.usage.UsageStatsManager
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.os.PowerManager
import android.provider.Settings
import dev.doorstep.Doorstep
import dev.doorstep.EndReason
import dev.doorstep.Reachability
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds

/** What stands between a customer's call and this phone: the worst first. Empty: nothing that the SDK can see. */
public data class ReachabilityReport(
    val obstacles: List<Obstacle>,
    /** How the gateway has this device. */
    val gateway: Reachability,
    /** How old the push token is; null when none was handed over. */
    val tokenAge: Duration?,
    /** What Firebase did with the last push; null when none came. */
    val lastPush: LastPush?,
) {
    /** A customer's call rings here, as far as the SDK can see. */
    val isReachable: Boolean get() = obstacles.none { it.kind.blocks }
}

/** The last push that came. */
public data class LastPush(
    /** From the gateway's sending to its coming here, by the clocks of both. */
    val delay: Duration?,
    /** It was sent with high priority and delivered with normal: Firebase does so when pushes showed nothing. Null: not known. */
    val wasDowngraded: Boolean?,
    /** Why no call rang for it; null when one did. */
    val noCall: EndReason?,
)

/** One thing that stands in the way. */
public class Obstacle(
    public val kind: Kind,
    /** The page of the settings where the user can change it, where there is one. */
    public val settings: Intent?,
) {
    override fun toString(): String = kind.name

    /** What it is. [blocks]: calls do not ring at all, or nobody is heard; else they may come late, or be overlooked. */
    public enum class Kind(
        public val blocks: Boolean,
        public val text: String,
    ) {
        NotReachable(true, "The gateway does not have this phone: sign in again."),
        NoPushTarget(true, "No push token was handed over: a closed app is not woken."),
        NoPlayServices(true, "Google's services are missing: a closed app is not woken. Keep the app open."),
        NotificationsOff(true, "Notifications are off: calls are not shown."),
        BackgroundRestricted(true, "The phone restricts the app in the background: calls do not wake it."),
        MicrophoneNotAllowed(true, "The microphone is not allowed: the customer hears nothing."),
        ChannelQuiet(false, "The channel for incoming calls is not urgent: calls come without a banner."),
        FullScreenNotAllowed(false, "Calls do not fill the locked screen."),
        BatteryOptimised(false, "The phone saves battery with this app: calls may come late."),
        PowerSaveMode(false, "The phone is in power save mode: calls may come late."),
        RarelyUsed(false, "Android counts the app among those rarely used: pushes may come late."),
        TokenOld(false, "The push token has not been renewed for a month: open the app more often."),
        PushesDowngraded(false, "Firebase has lowered the priority of this phone's calls: they come late."),
        MakersBattery(false, "Phones of this maker end apps by a battery manager of their own: except this one there, and allow it to start by itself."),
    }
}

/** Looks at the phone. */
internal class Inspection(
    private val context: Context,
    private val doorstep: Doorstep,
    private val notifications: CallNotifications,
    private val problems: Problems,
    private val pushes: Pushes,
) {
    fun report(): ReachabilityReport {
        val found = Obstacle.Kind.entries.filter { problems.guard(Problem.CommandRefused) { stands(it) } == true }
        val age = pushes.tokenAge()
        return ReachabilityReport(found.map { Obstacle(it, settings(it)) }, doorstep.reachability.value, age, pushes.last)
    }

    private fun stands(kind: Obstacle.Kind): Boolean =
        when (kind) {
            Obstacle.Kind.NotReachable -> doorstep.reachability.value is Reachability.Failed
            Obstacle.Kind.NoPushTarget -> pushes.tokenAge() == null
            Obstacle.Kind.NoPlayServices -> !isInstalled("com.google.android.gms")
            Obstacle.Kind.NotificationsOff -> !notifications.areShown()
            Obstacle.Kind.BackgroundRestricted ->
                Build.VERSION.SDK_INT >= Build.VERSION_CODES.P &&
                    context.getSystemService(ActivityManager::class.java)?.isBackgroundRestricted == true
            Obstacle.Kind.MicrophoneNotAllowed ->
                context.checkSelfPermission(android.Manifest.permission.RECORD_AUDIO) != PackageManager.PERMISSION_GRANTED
            Obstacle.Kind.ChannelQuiet -> notifications.areShown() && !notifications.areUrgent()
            Obstacle.Kind.FullScreenNotAllowed -> !notifications.mayFillScreen()
            Obstacle.Kind.BatteryOptimised -> power()?.isIgnoringBatteryOptimizations(context.packageName) == false
            Obstacle.Kind.PowerSaveMode -> power()?.isPowerSaveMode == true
            Obstacle.Kind.RarelyUsed -> isRarelyUsed()
            Obstacle.Kind.TokenOld -> pushes.tokenAge()?.let { it > TOKEN_OLD } == true
            Obstacle.Kind.PushesDowngraded -> pushes.last?.wasDowngraded == true
            Obstacle.Kind.MakersBattery -> Build.MANUFACTURER.orEmpty().lowercase() in STRICT_MAKERS
        }

    private fun isInstalled(name: String): Boolean =
        try {
            context.packageManager.getPackageInfo(name, 0) != null
        } catch (_: PackageManager.NameNotFoundException) {
            false
        }

    private fun isRarelyUsed(): Boolean {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) return false
        val usage = context.getSystemService(UsageStatsManager::class.java) ?: return false
        return usage.appStandbyBucket >= UsageStatsManager.STANDBY_BUCKET_RARE
    }

    private fun power(): PowerManager? = context.getSystemService(PowerManager::class.java)

    private fun settings(kind: Obstacle.Kind): Intent? {
        val app = Uri.fromParts("package", context.packageName, null)
        return when (kind) {
            Obstacle.Kind.NotificationsOff ->
                Intent(Settings.ACTION_APP_NOTIFICATION_SETTINGS).putExtra(Settings.EXTRA_APP_PACKAGE, context.packageName)
            Obstacle.Kind.ChannelQuiet ->
                Intent(Settings.ACTION_CHANNEL_NOTIFICATION_SETTINGS)
                    .putExtra(Settings.EXTRA_APP_PACKAGE, context.packageName)
                    .putExtra(Settings.EXTRA_CHANNEL_ID, CallNotifications.RING)
            Obstacle.Kind.FullScreenNotAllowed ->
                if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
                    Intent(Settings.ACTION_MANAGE_APP_USE_FULL_SCREEN_INTENT, app)
                } else {
                    null
                }
            Obstacle.Kind.BatteryOptimised, Obstacle.Kind.RarelyUsed -> Intent(Settings.ACTION_IGNORE_BATTERY_OPTIMIZATION_SETTINGS)
            Obstacle.Kind.PowerSaveMode -> Intent(Settings.ACTION_BATTERY_SAVER_SETTINGS)
            Obstacle.Kind.BackgroundRestricted, Obstacle.Kind.MicrophoneNotAllowed, Obstacle.Kind.MakersBattery ->
                Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app)
            Obstacle.Kind.NotReachable, Obstacle.Kind.NoPushTarget, Obstacle.Kind.NoPlayServices, Obstacle.Kind.TokenOld,
            Obstacle.Kind.PushesDowngraded,
            -> null
        }?.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
    }

    private companion object {
        /** Firebase calls a token that was not used for a month stale. */
        val TOKEN_OLD = 30.days

        /** As users of calling apps and dontkillmyapp.com tell. */
        val STRICT_MAKERS = setOf("xiaomi", "redmi", "poco", "huawei", "honor", "oppo", "realme", "vivo", "oneplus", "samsung", "meizu", "asus")
    }
}

/** What is known of pushes: when the token came, over the app's restarts, and how the last push fared. */
internal class Pushes(
    context: Context,
    private val now: () -> Long = System::currentTimeMillis,
) {
    private val kept = context.getSharedPreferences("dev.doorstep", Context.MODE_PRIVATE)

    @Volatile var last: LastPush? = null
        private set

    /** Handed over by the app. The same token handed over again at the next start is as old as it was. */
    fun target(token: String?) {
        val mark = token?.hashCode() ?: return kept.edit().remove(MARK).remove(SINCE).apply()
        if (kept.contains(MARK) && kept.getInt(MARK, 0) == mark) return
        kept.edit().putInt(MARK, mark).putLong(SINCE, now()).apply()
    }

    fun tokenAge(): Duration? =
        if (kept.contains(SINCE)) (now() - kept.getLong(SINCE, 0)).coerceAtLeast(0).milliseconds else null

    /** A push of ours; what came of it may be known before. */
    fun came(data: Map<String, String>) {
        val delay = data["sent_at"]?.toLongOrNull()?.let { (now() - it).coerceAtLeast(0).milliseconds }
        last = LastPush(delay, wasDowngraded = null, noCall = null)
    }

    fun priorities(
        sent: Int,
        delivered: Int,
    ) {
        last = last?.copy(wasDowngraded = sent == HIGH && delivered != HIGH)
    }

    fun done(reason: EndReason?) {
        last = last?.copy(noCall = reason)
    }

    private companion object {
        /** Of the token, which itself is kept by Firebase alone. */
        const val MARK = "token-mark"
        const val SINCE = "token-since"

        /** `RemoteMessage.PRIORITY_HIGH`. */
        const val HIGH = 1
    }
}
