package dev.doorstep.android

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.media.AudioAttributes
import android.media.AudioDeviceCallback
import android.media.AudioDeviceInfo
import android.media.AudioFocusRequest
import android.media.AudioManager
import android.os.Build
import android.os.Handler
import android.os.Looper

/**
 * The sound of calls that Telecom does not list: the audio mode, the focus, and which way it goes. Android 12 and later send it to a
 * communication device; earlier ones know a speaker and a Bluetooth link (SCO) to be switched on. None of it needs BLUETOOTH_CONNECT.
 */
internal class PhoneSound(
    private val context: Context,
    private val problems: Problems,
    /** Another app has the sound, as for a call of its own, or has given it back. */
    private val taken: (Boolean) -> Unit,
) {
    private val audio: AudioManager? = context.getSystemService(AudioManager::class.java)
    private val handler = Handler(Looper.getMainLooper())
    private var ways: Ways? = null
    private val focus =
        AudioFocusRequest
            .Builder(AudioManager.AUDIOFOCUS_GAIN_TRANSIENT_EXCLUSIVE)
            .setAudioAttributes(
                AudioAttributes
                    .Builder()
                    .setUsage(AudioAttributes.USAGE_VOICE_COMMUNICATION)
                    .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
                    .build(),
            ).setOnAudioFocusChangeListener(::focusChanged, handler)
            .build()

    fun start(changed: (AudioRoutes) -> Unit) {
        if (ways != null || audio == null) return
        problems.guard(Problem.RouteRefused) {
            audio.requestAudioFocus(focus)
            audio.mode = AudioManager.MODE_IN_COMMUNICATION
        }
        val made =
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
                CommunicationDevices(audio, changed)
            } else {
                SpeakerAndSco(context, audio, handler, changed)
            }
        ways = made
        problems.guard(Problem.RouteRefused) { made.start() }
    }

    fun stop() {
        val had = ways ?: return
        ways = null
        problems.guard(Problem.RouteRefused) { had.stop() }
        problems.guard(Problem.RouteRefused) {
            audio?.mode = AudioManager.MODE_NORMAL
            audio?.abandonAudioFocusRequest(focus)
        }
    }

    fun choose(route: AudioRoute) {
        val chosen = problems.guard(Problem.RouteRefused) { ways?.choose(route) ?: false }
        if (chosen == false) problems.tell(Problem.RouteRefused)
    }

    private fun focusChanged(change: Int) {
        when (change) {
            AudioManager.AUDIOFOCUS_LOSS, AudioManager.AUDIOFOCUS_LOSS_TRANSIENT -> taken(true)
            AudioManager.AUDIOFOCUS_GAIN -> taken(false)
            // Ducking: someone else speaks for a moment, as a navigation does.
            else -> Unit
        }
    }
}

/** Ways of the sound. */
private interface Ways {
    fun start()

    fun stop()

    /** False when there is no such way, or the phone does not take it. */
    fun choose(route: AudioRoute): Boolean
}

/** Android 12 and later. */
@android.annotation.TargetApi(Build.VERSION_CODES.S)
private class CommunicationDevices(
    private val audio: AudioManager,
    private val changed: (AudioRoutes) -> Unit,
) : AudioDeviceCallback(),
    Ways,
    AudioManager.OnCommunicationDeviceChangedListener {
    override fun start() {
        audio.addOnCommunicationDeviceChangedListener(Main, this)
        audio.registerAudioDeviceCallback(this, Handler(Looper.getMainLooper()))
        tell()
    }

    override fun stop() {
        audio.removeOnCommunicationDeviceChangedListener(this)
        audio.unregisterAudioDeviceCallback(this)
        audio.clearCommunicationDevice()
    }

    override fun choose(route: AudioRoute): Boolean {
        val device = audio.availableCommunicationDevices.find { "${it.id}" == route.id } ?: return false
        return audio.setCommunicationDevice(device).also { tell() }
    }

    override fun onCommunicationDeviceChanged(device: AudioDeviceInfo?) = tell()

    override fun onAudioDevicesAdded(addedDevices: Array<out AudioDeviceInfo>?) = tell()

    override fun onAudioDevicesRemoved(removedDevices: Array<out AudioDeviceInfo>?) = tell()

    private fun tell() {
        changed(AudioRoutes(audio.communicationDevice?.toRoute(), audio.availableCommunicationDevices.map { it.toRoute() }))
    }
}

private fun AudioDeviceInfo.toRoute(): AudioRoute {
    val kind =
        when (type) {
            AudioDeviceInfo.TYPE_BUILTIN_EARPIECE -> AudioRoute.Kind.Earpiece
            AudioDeviceInfo.TYPE_BUILTIN_SPEAKER -> AudioRoute.Kind.Speaker
            AudioDeviceInfo.TYPE_WIRED_HEADSET, AudioDeviceInfo.TYPE_WIRED_HEADPHONES, AudioDeviceInfo.TYPE_USB_HEADSET ->
                AudioRoute.Kind.WiredHeadset
            AudioDeviceInfo.TYPE_BLUETOOTH_SCO, AudioDeviceInfo.TYPE_BLE_HEADSET, AudioDeviceInfo.TYPE_HEARING_AID ->
                AudioRoute.Kind.Bluetooth
            else -> AudioRoute.Kind.Other
        }
    return AudioRoute("$id", kind, productName?.toString().orEmpty())
}

/** Android 8 to 11. Wired headsets go by themselves; a headset over Bluetooth answers some seconds after it is asked for. */
@Suppress("DEPRECATION") // What replaces all of this is of Android 12.
private class SpeakerAndSco(
    private val context: Context,
    private val audio: AudioManager,
    private val handler: Handler,
    private val changed: (AudioRoutes) -> Unit,
) : AudioDeviceCallback(),
    Ways {
    private val scoChanged =
        object : BroadcastReceiver() {
            override fun onReceive(
                context: Context?,
                intent: Intent?,
            ) {
                val state = intent?.getIntExtra(AudioManager.EXTRA_SCO_AUDIO_STATE, AudioManager.SCO_AUDIO_STATE_ERROR)
                if (state == AudioManager.SCO_AUDIO_STATE_CONNECTED || state == AudioManager.SCO_AUDIO_STATE_DISCONNECTED) {
                    audio.isBluetoothScoOn = state == AudioManager.SCO_AUDIO_STATE_CONNECTED
                }
                tell()
            }
        }

    override fun start() {
        context.registerReceiver(scoChanged, IntentFilter(AudioManager.ACTION_SCO_AUDIO_STATE_UPDATED), null, handler)
        audio.registerAudioDeviceCallback(this, handler)
        tell()
    }

    override fun stop() {
        context.unregisterReceiver(scoChanged)
        audio.unregisterAudioDeviceCallback(this)
        audio.isSpeakerphoneOn = false
        audio.isBluetoothScoOn = false
        audio.stopBluetoothSco()
    }

    override fun choose(route: AudioRoute): Boolean {
        if (available().none { it.id == route.id }) return false
        if (route.kind == AudioRoute.Kind.Bluetooth) {
            audio.isSpeakerphoneOn = false
            audio.startBluetoothSco()
        } else {
            audio.isBluetoothScoOn = false
            audio.stopBluetoothSco()
            audio.isSpeakerphoneOn = route.kind == AudioRoute.Kind.Speaker
        }
        tell()
        return true
    }

    override fun onAudioDevicesAdded(addedDevices: Array<out AudioDeviceInfo>?) = tell()

    override fun onAudioDevicesRemoved(removedDevices: Array<out AudioDeviceInfo>?) = tell()

    private fun available(): List<AudioRoute> =
        audio
            .getDevices(AudioManager.GET_DEVICES_OUTPUTS)
            .map { it.toRoute() }
            .filter { it.kind != AudioRoute.Kind.Other }
            .distinctBy { it.kind }

    private fun tell() {
        val ways = available()
        val kind =
            when {
                audio.isBluetoothScoOn -> AudioRoute.Kind.Bluetooth
                audio.isSpeakerphoneOn -> AudioRoute.Kind.Speaker
                ways.any { it.kind == AudioRoute.Kind.WiredHeadset } -> AudioRoute.Kind.WiredHeadset
                else -> AudioRoute.Kind.Earpiece
            }
        changed(AudioRoutes(ways.find { it.kind == kind }, ways))
    }
}
