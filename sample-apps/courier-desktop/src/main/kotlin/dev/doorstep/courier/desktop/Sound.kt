package dev.doorstep.courier.desktop

import dev.doorstep.AudioDevice
import dev.doorstep.AudioExchange
import dev.doorstep.courier.Word
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.locks.LockSupport
import javax.sound.sampled.AudioFormat
import javax.sound.sampled.AudioSystem
import javax.sound.sampled.DataLine
import javax.sound.sampled.LineUnavailableException
import javax.sound.sampled.SourceDataLine
import javax.sound.sampled.TargetDataLine
import kotlin.concurrent.thread

/**
 * The computer's own microphone and speaker, by Java Sound. A call goes on without the one that is missing or breaks: silence takes its
 * place, and [notice] says so. There is no echo canceller: use a headset.
 */
internal class ComputerSound : AudioDevice {
    override val captureRate = RATE
    override val playoutRate = RATE

    private val noticeNow = MutableStateFlow<String?>(null)
    private var running: Running? = null

    val notice: StateFlow<String?> = noticeNow.asStateFlow()

    fun hasMicrophone(): Boolean = AudioSystem.isLineSupported(MICROPHONE)

    fun hasSpeaker(): Boolean = AudioSystem.isLineSupported(SPEAKER)

    @Synchronized
    override fun start(exchange: AudioExchange) {
        stop()
        running = Running(exchange)
    }

    @Synchronized
    override fun stop() {
        running?.close()
        running = null
        noticeNow.value = null
    }

    private inner class Running(
        private val exchange: AudioExchange,
    ) : AutoCloseable {
        @Volatile private var goesOn = true

        @Volatile private var microphone = opened { (AudioSystem.getLine(MICROPHONE) as TargetDataLine).apply { open(FORMAT, BUFFER) } }

        @Volatile private var speaker = opened { (AudioSystem.getLine(SPEAKER) as SourceDataLine).apply { open(FORMAT, BUFFER) } }

        init {
            tell()
            microphone?.start()
            speaker?.start()
        }

        private val hearing = thread(name = "microphone", isDaemon = true) { hear() }
        private val speaking = thread(name = "speaker", isDaemon = true) { speak() }

        private fun tell() {
            noticeNow.value =
                when {
                    microphone == null && speaker == null -> Word.Silent.text
                    microphone == null -> Word.NoMicrophone.text
                    speaker == null -> Word.NoSpeaker.text
                    else -> null
                }
        }

        private fun hear() {
            val bytes = ByteArray(FRAME_BYTES)
            val samples = frame()
            val pace = Pace()
            while (goesOn) {
                val line = microphone
                if (line == null) {
                    bytes.fill(0)
                    pace.await()
                } else if (line.read(bytes, 0, FRAME_BYTES) < FRAME_BYTES) {
                    if (goesOn) lost { microphone = null }
                    continue
                }
                samples.clear().put(bytes)
                exchange.capture(samples, FRAME)
            }
        }

        private fun speak() {
            val bytes = ByteArray(FRAME_BYTES)
            val samples = frame()
            val pace = Pace()
            while (goesOn) {
                exchange.playout(samples, FRAME)
                samples.clear().get(bytes)
                val line = speaker
                if (line == null) {
                    pace.await()
                } else if (line.write(bytes, 0, FRAME_BYTES) < FRAME_BYTES && goesOn) {
                    lost { speaker = null }
                }
            }
        }

        private fun lost(what: () -> Unit) {
            what()
            tell()
        }

        override fun close() {
            goesOn = false
            microphone?.close()
            speaker?.close()
            for (thread in listOf(hearing, speaking)) thread.join(PATIENCE_MS)
        }
    }

    /** Every 10 ms, without drifting. */
    private class Pace {
        private var next = System.nanoTime()

        fun await() {
            next = maxOf(next + FRAME_NS, System.nanoTime() - FRAME_NS)
            while (true) {
                val left = next - System.nanoTime()
                if (left <= 0) return
                LockSupport.parkNanos(left)
            }
        }
    }

    private companion object {
        const val RATE = 48_000
        const val FRAME = RATE / 100
        const val FRAME_BYTES = FRAME * Short.SIZE_BYTES
        const val FRAME_NS = 10_000_000L

        /** 40 ms: less breaks off on a busy computer, more is heard as delay. */
        const val BUFFER = 4 * FRAME_BYTES
        const val PATIENCE_MS = 500L
        val FORMAT = AudioFormat(RATE.toFloat(), Short.SIZE_BITS, 1, true, ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN)
        val MICROPHONE = DataLine.Info(TargetDataLine::class.java, FORMAT)
        val SPEAKER = DataLine.Info(SourceDataLine::class.java, FORMAT)

        fun frame(): ByteBuffer = ByteBuffer.allocateDirect(FRAME_BYTES).order(ByteOrder.nativeOrder())

        /** Null when there is no such line, or another program has it. */
        fun <L> opened(open: () -> L): L? =
            try {
                open()
            } catch (_: LineUnavailableException) {
                null
            } catch (_: IllegalArgumentException) {
                null
            } catch (_: SecurityException) {
                null
            }
    }
}
