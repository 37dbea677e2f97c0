package dev.doorstep.android

import android.content.Context
import android.content.pm.PackageManager
import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.AudioTrack
import android.media.MediaRecorder
import android.media.audiofx.AcousticEchoCanceler
import android.media.audiofx.AudioEffect
import android.media.audiofx.NoiseSuppressor
import android.os.Build
import android.os.Process
import android.os.SystemClock
import dev.doorstep.AudioDevice
import dev.doorstep.AudioException
import dev.doorstep.AudioExchange
import dev.doorstep.AudioProblem
import java.nio.ByteBuffer
import kotlin.concurrent.thread

/**
 * The phone's microphone and speaker, as for a call (VOICE_COMMUNICATION), with the phone's own echo canceller and noise suppressor.
 *
 * A microphone that is not allowed or says nothing is no reason to end a call: the courier still hears the customer, and is told. A
 * speaker that does not play is.
 */
internal class AndroidAudioDevice(
    private val context: Context,
    options: AndroidOptions,
    private val problems: Problems,
    private val clock: () -> Long = SystemClock::elapsedRealtime,
) : AudioDevice {
    override val captureRate: Int = RATE
    override val playoutRate: Int = RATE

    private val quirks = AudioQuirks(options.withoutPlatformEcho)
    @Volatile private var running: Running? = null

    override fun start(exchange: AudioExchange) {
        stop()
        val track = track() ?: throw AudioException(AudioProblem.NoSpeaker)
        running = Running(exchange, track).apply { start() }
    }

    override fun stop() {
        val was = running ?: return
        running = null
        was.stop()
    }

    /** The user may have allowed the microphone meanwhile: a run without one tries again. */
    fun microphoneMayBeBack() {
        running?.recordAgain()
    }

    private fun track(): AudioTrack? =
        problems.guard(Problem.SpeakerFailed) {
            val least = AudioTrack.getMinBufferSize(RATE, AudioFormat.CHANNEL_OUT_MONO, AudioFormat.ENCODING_PCM_16BIT)
            val track =
                AudioTrack
                    .Builder()
                    .setAudioAttributes(
                        AudioAttributes
                            .Builder()
                            .setUsage(AudioAttributes.USAGE_VOICE_COMMUNICATION)
                            .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
                            .build(),
                    ).setAudioFormat(
                        AudioFormat
                            .Builder()
                            .setSampleRate(RATE)
                            .setChannelMask(AudioFormat.CHANNEL_OUT_MONO)
                            .setEncoding(AudioFormat.ENCODING_PCM_16BIT)
                            .build(),
                    ).setTransferMode(AudioTrack.MODE_STREAM)
                    .setBufferSizeInBytes(maxOf(least, 2 * FRAME_BYTES))
                    .build()
            if (track.state != AudioTrack.STATE_INITIALIZED) {
                track.release()
                problems.tell(Problem.SpeakerFailed)
                null
            } else {
                track
            }
        }

    private fun mayRecord(): Boolean =
        context.checkSelfPermission(android.Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED

    /** Null when there is no microphone to be had. */
    private fun microphone(): Microphone? =
        problems.guard(Problem.MicrophoneSilent) {
            val least = AudioRecord.getMinBufferSize(RATE, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT)
            val record =
                AudioRecord
                    .Builder()
                    .setAudioSource(MediaRecorder.AudioSource.VOICE_COMMUNICATION)
                    .setAudioFormat(
                        AudioFormat
                            .Builder()
                            .setSampleRate(RATE)
                            .setChannelMask(AudioFormat.CHANNEL_IN_MONO)
                            .setEncoding(AudioFormat.ENCODING_PCM_16BIT)
                            .build(),
                    ).setBufferSizeInBytes(maxOf(least, 4 * FRAME_BYTES))
                    .build()
            if (record.state != AudioRecord.STATE_INITIALIZED) {
                record.release()
                null
            } else {
                Microphone(record, quirks, problems).apply { record.startRecording() }
            }
        }

    /** One run, from start to stop. */
    private inner class Running(
        private val exchange: AudioExchange,
        @Volatile private var track: AudioTrack,
    ) {
        @Volatile private var on = true

        @Volatile private var microphone: Microphone? = null
        private val watch = MicrophoneWatch(clock)
        private lateinit var player: Thread
        private lateinit var recorder: Thread

        fun start() {
            recorder = thread(name = "doorstep-capture", isDaemon = true, block = ::record)
            player = thread(name = "doorstep-playout", isDaemon = true, block = ::play)
        }

        @Synchronized
        fun recordAgain() {
            if (on && !recorder.isAlive) recorder = thread(name = "doorstep-capture", isDaemon = true, block = ::record)
        }

        /** Returns when neither thread uses the exchange any more, unless the hardware hangs. */
        fun stop() {
            synchronized(this) { on = false }
            // What ends a read or a write that waits.
            microphone?.stop()
            problems.guard(Problem.SpeakerFailed) { track.pause() }
            listOf(player, recorder).forEach { it.join(STOP_MS) }
        }

        private fun play() {
            urgent()
            val frame = ByteBuffer.allocateDirect(FRAME_BYTES)
            problems.guard(Problem.SpeakerFailed) { track.play() }
            var healed = false
            while (on) {
                exchange.playout(frame, FRAME)
                frame.clear()
                val written = problems.guard(Problem.SpeakerFailed) { track.write(frame, FRAME_BYTES, AudioTrack.WRITE_BLOCKING) } ?: -1
                if (written > 0) {
                    watchMicrophone()
                } else if (on) {
                    // The audio server died, or the output went away under it.
                    val fresh = if (healed) null else track()
                    healed = true
                    if (fresh == null) {
                        problems.tell(Problem.SpeakerFailed)
                        exchange.failed(AudioProblem.NoSpeaker)
                        break
                    }
                    release(track)
                    track = fresh
                    problems.guard(Problem.SpeakerFailed) { fresh.play() }
                }
            }
            release(track)
        }

        private fun release(track: AudioTrack) {
            problems.guard(Problem.SpeakerFailed) { track.release() }
        }

        /** On the playout's thread: the other one may hang in the very read that brings nothing. */
        private fun watchMicrophone() {
            when (watch.verdict()) {
                MicrophoneWatch.Verdict.Fine -> Unit
                // Ends the read; its thread takes another one.
                MicrophoneWatch.Verdict.Heal -> microphone?.stop()
                MicrophoneWatch.Verdict.Silent -> problems.tell(Problem.MicrophoneSilent)
            }
        }

        private fun record() {
            if (!mayRecord()) {
                problems.tell(Problem.MicrophoneNotAllowed)
                return watch.none()
            }
            urgent()
            val frame = ByteBuffer.allocateDirect(FRAME_BYTES)
            var tries = 0
            while (on && tries < TRIES) {
                tries += 1
                val microphone = microphone() ?: break
                this.microphone = microphone
                watch.began()
                var frames = 0
                while (on && microphone.read(frame)) {
                    watch.heard()
                    exchange.capture(frame, FRAME)
                    frames += 1
                }
                if (frames > GOOD_FRAMES) tries = 0
                this.microphone = null
                microphone.release()
            }
            if (on) watch.gaveUp()
        }

        private fun urgent() {
            problems.guard(Problem.RingerFailed) { Process.setThreadPriority(Process.THREAD_PRIORITY_URGENT_AUDIO) }
        }
    }

    internal companion object {
        /** Hz; Opus's own. The phone converts to what its hardware has. */
        const val RATE = 48_000

        /** Samples in 10 ms. */
        const val FRAME = RATE / 100
        const val FRAME_BYTES = 2 * FRAME
        private const val STOP_MS = 1_000L

        /** The first microphone, and one more. */
        private const val TRIES = 2

        /** One that has heard for a second deserves another try when it breaks off. */
        private const val GOOD_FRAMES = 100
    }
}

/** A microphone that records, with its effects. */
private class Microphone(
    private val record: AudioRecord,
    quirks: AudioQuirks,
    private val problems: Problems,
) {
    private val effects: List<AudioEffect> =
        listOfNotNull(
            if (quirks.echoCanceller()) {
                problems.guard(Problem.NoEchoCanceller) { AcousticEchoCanceler.create(record.audioSessionId)?.apply { enabled = true } }
            } else {
                null
            }.also { if (it == null) problems.tell(Problem.NoEchoCanceller) },
            if (NoiseSuppressor.isAvailable()) {
                problems.guard(Problem.NoEchoCanceller) { NoiseSuppressor.create(record.audioSessionId)?.apply { enabled = true } }
            } else {
                null
            },
        )

    /** Fills a frame; false when none comes any more. */
    fun read(frame: ByteBuffer): Boolean {
        frame.clear()
        val read = problems.guard(Problem.MicrophoneSilent) { record.read(frame, frame.capacity(), AudioRecord.READ_BLOCKING) } ?: -1
        return read == frame.capacity()
    }

    fun stop() {
        problems.guard(Problem.MicrophoneSilent) { record.stop() }
    }

    fun release() {
        effects.forEach { problems.guard(Problem.NoEchoCanceller) { it.release() } }
        problems.guard(Problem.MicrophoneSilent) { record.release() }
    }
}

/** Phones whose echo canceller says that it is there and does harm, by `Build.MODEL`. There is none in software yet to take its place. */
internal class AudioQuirks(
    private val more: Set<String>,
    private val model: String = Build.MODEL.orEmpty(),
) {
    fun echoCanceller(): Boolean = model !in KNOWN && model !in more && AcousticEchoCanceler.isAvailable()

    private companion object {
        /** Known to WebRTC's users since years; newer ones come by the options, until somebody has measured them. */
        val KNOWN = setOf("D6503", "ONE A2005", "MotoG3")
    }
}

/** Tells when a microphone that should say something does not: once healed, once told. */
internal class MicrophoneWatch(
    private val clock: () -> Long,
) {
    enum class Verdict { Fine, Heal, Silent }

    @Volatile private var last = clock()

    @Volatile private var stage = Stage.Heard

    private enum class Stage { Heard, Healed, Told, GaveUp }

    /** A microphone begins: it has as long as any frame. */
    fun began() {
        last = clock()
        if (stage == Stage.Told || stage == Stage.GaveUp) stage = Stage.Healed
    }

    fun heard() {
        last = clock()
        if (stage == Stage.Told || stage == Stage.Healed) stage = Stage.Heard
    }

    /** There is none, which was told. */
    fun none() {
        stage = Stage.Told
    }

    /** There is no microphone any more to wait for. */
    fun gaveUp() {
        if (stage != Stage.Told) stage = Stage.GaveUp
    }

    fun verdict(): Verdict =
        when (stage) {
            Stage.GaveUp -> Verdict.Silent.also { stage = Stage.Told }
            Stage.Told -> Verdict.Fine
            Stage.Heard -> if (late()) Verdict.Heal.also { stage = Stage.Healed; began() } else Verdict.Fine
            Stage.Healed -> if (late()) Verdict.Silent.also { stage = Stage.Told } else Verdict.Fine
        }

    private fun late() = clock() - last > LATE_MS

    private companion object {
        const val LATE_MS = 2_000
    }
}
