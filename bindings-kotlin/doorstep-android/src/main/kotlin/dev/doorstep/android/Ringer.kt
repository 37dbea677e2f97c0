package dev.doorstep.android

import android.content.Context
import android.media.AudioAttributes
import android.media.AudioManager
import android.media.MediaPlayer
import android.media.RingtoneManager
import android.os.VibrationEffect
import android.os.Vibrator

/**
 * Rings where no notification can: they are off, or refused. It keeps to the phone's ringer (silent, vibrate), and in a call only
 * vibrates.
 */
internal class Ringer(
    private val context: Context,
    private val options: AndroidOptions,
    private val problems: Problems,
) {
    private var player: MediaPlayer? = null
    private var vibrating: Vibrator? = null

    val isRinging: Boolean get() = player != null || vibrating != null

    fun start() {
        if (isRinging) return
        val audio = context.getSystemService(AudioManager::class.java)
        val mode = problems.guard(Problem.RingerFailed) { audio?.ringerMode } ?: AudioManager.RINGER_MODE_NORMAL
        if (mode == AudioManager.RINGER_MODE_SILENT) return
        problems.guard(Problem.RingerFailed) { vibrate() }
        val inCall = audio?.mode == AudioManager.MODE_IN_CALL || audio?.mode == AudioManager.MODE_IN_COMMUNICATION
        if (mode == AudioManager.RINGER_MODE_NORMAL && !inCall) play()
    }

    @Suppress("DEPRECATION") // The successors are of Android 12 and 13.
    private fun vibrate() {
        val vibrator = context.getSystemService(Context.VIBRATOR_SERVICE) as? Vibrator ?: return
        if (!vibrator.hasVibrator()) return
        val effect = VibrationEffect.createWaveform(CallNotifications.VIBRATION, 0)
        vibrator.vibrate(effect, RINGTONE)
        vibrating = vibrator
    }

    private fun play() {
        val sound = options.ringtone ?: RingtoneManager.getDefaultUri(RingtoneManager.TYPE_RINGTONE) ?: return
        val made = MediaPlayer()
        player = made
        try {
            made.setAudioAttributes(RINGTONE)
            made.setDataSource(context, sound)
            made.isLooping = true
            // The file may be slow to come: a call does not wait for it.
            made.setOnPreparedListener { if (player === it) problems.guard(Problem.RingerFailed) { it.start() } }
            made.setOnErrorListener { _, _, _ -> true.also { problems.tell(Problem.RingerFailed) } }
            made.prepareAsync()
        } catch (error: Exception) {
            // Also IOException: the file of the ringtone is gone.
            problems.tell(Problem.RingerFailed, error)
            player = null
            made.release()
        }
    }

    fun stop() {
        problems.guard(Problem.RingerFailed) { vibrating?.cancel() }
        vibrating = null
        problems.guard(Problem.RingerFailed) { player?.release() }
        player = null
    }

    private companion object {
        val RINGTONE: AudioAttributes =
            AudioAttributes
                .Builder()
                .setUsage(AudioAttributes.USAGE_NOTIFICATION_RINGTONE)
                .setContentType(AudioAttributes.CONTENT_TYPE_SONIFICATION)
                .build()
    }
}
