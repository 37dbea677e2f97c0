package dev.doorstep

import com.sun.jna.Native
import com.sun.jna.Pointer
import dev.doorstep.core.AudioControl
import dev.doorstep.core.AudioPort
import dev.doorstep.core.CallbackException
import java.nio.ByteBuffer
import dev.doorstep.core.AudioException as CoreAudioException

/**
 * A device and the core's port, joined. The core keeps the port for as long as it needs it; a device that is late finds nothing, and plays
 * silence.
 */
internal class AudioLink(
    private val device: AudioDevice,
) : AudioControl,
    AudioExchange,
    AutoCloseable {
    private val captured = Frame()
    private val played = Frame()

    /** Nothing of this is called before the core has the port. */
    val port = AudioPort(device.captureRate.toUInt(), device.playoutRate.toUInt(), this)
    private val handle = port.handle().toLong()

    override fun capture(
        samples: ByteBuffer,
        count: Int,
    ) {
        NativeAudio.doorstep_audio_capture(handle, captured.of(samples, count), count)
    }

    override fun playout(
        samples: ByteBuffer,
        count: Int,
    ) {
        require(!samples.isReadOnly) { "what is played needs a buffer that can be written" }
        NativeAudio.doorstep_audio_playout(handle, played.of(samples, count), count)
    }

    override fun failed(problem: AudioProblem) {
        try {
            port.failed(problem.toCore())
        } catch (_: IllegalStateException) {
            // The SDK was closed: nobody is left to be told.
        }
    }

    override fun start() {
        try {
            device.start(this)
        } catch (error: AudioException) {
            throw error.problem.toCore()
        } catch (_: Throwable) {
            // Its own words may be personal, and are not for a log. A missing class is no reason to crash a call either.
            throw CoreAudioException.Failed()
        }
    }

    override fun stop() {
        try {
            device.stop()
        } catch (error: Throwable) {
            throw CallbackException.Failed(error.javaClass.name)
        }
    }

    override fun close(): Unit = port.close()
}

/** The address of a device's buffer, asked for once while the device keeps to it. */
private class Frame {
    private class Known(
        val buffer: ByteBuffer,
        val address: Pointer,
    )

    @Volatile
    private var known: Known? = null

    fun of(
        samples: ByteBuffer,
        count: Int,
    ): Pointer {
        require(count >= 0 && count <= samples.capacity() / Short.SIZE_BYTES) { "the buffer does not hold so many samples" }
        known?.let { if (it.buffer === samples) return it.address }
        require(samples.isDirect) { "samples cross in a direct buffer" }
        val address = Native.getDirectBufferPointer(samples)
        known = Known(samples, address)
        return address
    }
}

/** The core's C functions for sound, by JNA's direct mapping: no proxy, no copies. Its names are those of the library. */
@Suppress("ktlint:standard:function-naming")
private object NativeAudio {
    init {
        Native.register(NativeAudio::class.java, System.getProperty("uniffi.component.doorstep_ffi.libraryOverride") ?: "doorstep_ffi")
    }

    external fun doorstep_audio_capture(
        port: Long,
        samples: Pointer,
        count: Int,
    ): Int

    external fun doorstep_audio_playout(
        port: Long,
        samples: Pointer,
        count: Int,
    ): Int
}

private fun AudioProblem.toCore(): CoreAudioException =
    when (this) {
        AudioProblem.NoMicrophone -> CoreAudioException.NoMicrophone()
        AudioProblem.NoSpeaker -> CoreAudioException.NoSpeaker()
        AudioProblem.Denied -> CoreAudioException.Denied()
        AudioProblem.Failed -> CoreAudioException.Failed()
    }
