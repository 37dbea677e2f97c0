package dev.doorstep.courier.android

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.provider.Settings
import dev.doorstep.Doorstep
import dev.doorstep.android.AudioRoute
import dev.doorstep.android.AudioRoutes
import dev.doorstep.android.DoorstepAndroid
import dev.doorstep.android.Obstacle
import dev.doorstep.android.Problem
import dev.doorstep.android.android
import dev.doorstep.courier.Check
import dev.doorstep.courier.Device
import dev.doorstep.courier.Word
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch

/** The phone as the app sees it: the SDK's report on what stands between it and a call, its loudspeaker, and the permissions. */
internal class AndroidDevice(
    private val context: Context,
    private val scope: CoroutineScope,
) : Device {
    override val onSpeaker = MutableStateFlow<Boolean?>(null)
    override val soundNotice = MutableStateFlow<String?>(null)

    /** The one on the screen, which can ask for permissions. */
    var activity: Activity? = null

    private var sdk: DoorstepAndroid? = null
    private var following: Job? = null
    private var remedies = emptyMap<String, () -> Unit>()

    fun follow(doorstep: Doorstep) {
        val sdk = doorstep.android
        this.sdk = sdk
        following?.cancel()
        following =
            scope.launch {
                launch { sdk?.routes?.collect { onSpeaker.value = isOnSpeaker(it) } }
                launch { sdk?.problems?.collect { if (it in OF_SOUND) soundNotice.value = it.text } }
                launch { doorstep.calls.collect { if (it.isEmpty()) soundNotice.value = null } }
            }
    }

    /** Null where there is no other way than the loudspeaker. */
    private fun isOnSpeaker(routes: AudioRoutes): Boolean? {
        val current = routes.current ?: return null
        return if (routes.available.size < 2) null else current.kind == AudioRoute.Kind.Speaker
    }

    override fun useSpeaker(on: Boolean) {
        val ways = sdk?.routes?.value?.available.orEmpty()
        val wanted = if (on) listOf(AudioRoute.Kind.Speaker) else AT_THE_EAR
        wanted.firstNotNullOfOrNull { kind -> ways.find { it.kind == kind } }?.let { sdk?.choose(it) }
    }

    fun isAllowed(permission: String) = context.checkSelfPermission(permission) == PackageManager.PERMISSION_GRANTED

    override fun checks(): List<Check> {
        val obstacles = sdk?.reachabilityReport()?.obstacles.orEmpty()
        val found = mutableMapOf<String, () -> Unit>()
        val checks =
            AREAS.map { (word, kinds) ->
                val obstacle = obstacles.find { it.kind in kinds }
                obstacle?.let(::remedy)?.let { found[word.text] = it }
                Check(word.text, obstacle?.kind?.text, obstacle?.kind?.blocks != false, canMend = word.text in found)
            }
        remedies = found
        return checks
    }

    override fun mend(check: Check) {
        remedies[check.name]?.invoke()
    }

    /** The system's question where it still asks, else the page of the settings. */
    private fun remedy(obstacle: Obstacle): (() -> Unit)? {
        val permission =
            when (obstacle.kind) {
                Obstacle.Kind.MicrophoneNotAllowed -> Manifest.permission.RECORD_AUDIO
                Obstacle.Kind.NotificationsOff ->
                    Manifest.permission.POST_NOTIFICATIONS.takeIf { Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU }
                else -> null
            }
        val settings = obstacle.settings
        return when {
            permission != null && !isAllowed(permission) -> ({ ask(permission) })
            settings != null -> ({ open(settings) })
            else -> null
        }
    }

    private fun ask(permission: String) {
        val activity = activity ?: return
        // After a second "no" Android asks no more: only the settings help then.
        val asksNoMore = permission in asked && !activity.shouldShowRequestPermissionRationale(permission)
        if (asksNoMore) return open(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", context.packageName, null)))
        asked += permission
        activity.requestPermissions(arrayOf(permission), 0)
    }

    private val asked = mutableSetOf<String>()

    private fun open(settings: Intent) {
        try {
            context.startActivity(settings.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        } catch (_: ActivityNotFoundException) {
            // A phone whose maker has left that page out.
            context.startActivity(Intent(Settings.ACTION_SETTINGS).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        }
    }

    private companion object {
        val AT_THE_EAR = listOf(AudioRoute.Kind.Bluetooth, AudioRoute.Kind.WiredHeadset, AudioRoute.Kind.Earpiece)
        val OF_SOUND = setOf(Problem.MicrophoneNotAllowed, Problem.MicrophoneInBackground, Problem.MicrophoneSilent, Problem.SpeakerFailed)

        /** The app itself tells of the connection to the server. */
        val AREAS: List<Pair<Word, List<Obstacle.Kind>>> =
            listOf(
                Word.CheckMicrophone to listOf(Obstacle.Kind.MicrophoneNotAllowed),
                Word.CheckNotifications to listOf(Obstacle.Kind.NotificationsOff, Obstacle.Kind.ChannelQuiet),
                Word.CheckLockScreen to listOf(Obstacle.Kind.FullScreenNotAllowed),
                Word.CheckBackground to
                    listOf(
                        Obstacle.Kind.BackgroundRestricted,
                        Obstacle.Kind.NoPlayServices,
                        Obstacle.Kind.NoPushTarget,
                        Obstacle.Kind.PushesDowngraded,
                        Obstacle.Kind.BatteryOptimised,
                        Obstacle.Kind.PowerSaveMode,
                        Obstacle.Kind.RarelyUsed,
                        Obstacle.Kind.TokenOld,
                        Obstacle.Kind.MakersBattery,
                    ),
            )
    }
}
