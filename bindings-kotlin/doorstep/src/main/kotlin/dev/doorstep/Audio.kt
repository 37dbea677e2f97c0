package dev.doorstep

import java.nio.ByteBuffer

/** Microphone and speaker. */
public sealed interface Audio {
    /** The platform's own, or anything that behaves so. */
    public data class Device(
        val device: AudioDevice,
    ) : Audio

    /** Neither: for trials. */
    public data object Silence : Audio

    /** A tone instead of a microphone: for trials. */
    public data class Tone(
        val hz: Double,
    ) : Audio

    /** WAV files: for trials. */
    public data class Files(
        val play: String?,
        val record: String?,
    ) : Audio
}

/**
 * A microphone and a speaker, written by the platform's layer or by an app that has its own. It serves all calls of one [Doorstep]: they
 * all hear the microphone and are heard mixed.
 *
 * Both rates are in Hz, within 8,000–96,000, whole numbers of samples in 10 ms (44,100 is one, 11,025 is not), and stay as they are when
 * the SDK starts; what the hardware does may change meanwhile, and the device converts.
 */
public interface AudioDevice {
    /** Samples a second that [AudioExchange.capture] brings. */
    public val captureRate: Int

    /** Samples a second that [AudioExchange.playout] takes. */
    public val playoutRate: Int

    /**
     * A call needs sound: from now on the device calls [AudioExchange.capture] and [AudioExchange.playout], from a thread of its own, as
     * the hardware hears and plays. Called on a thread of the SDK's, never while an earlier [start] or [stop] runs; it may be slow.
     *
     * @throws AudioException why there is no sound; the calls that wait for it end with [EndReason.MediaFailed]. Anything else that is
     *   thrown counts as [AudioProblem.Failed].
     */
    @Throws(AudioException::class)
    public fun start(exchange: AudioExchange)

    /** No call needs sound any more, or the device has told that it failed. What it throws is logged. */
    public fun stop()
}

/**
 * Where a device's samples go and come from: mono, 16 bit, in the machine's byte order. Callable at any time, from any thread: without a
 * call what is captured goes nowhere, and silence is played. Neither function waits or allocates; frames of 10 or 20 ms are best.
 */
public interface AudioExchange {
    /**
     * What the microphone heard: the first [count] samples of [samples], whatever its position. Keep to one buffer.
     *
     * @throws IllegalArgumentException when [samples] is no direct buffer or holds fewer than [count]
     */
    public fun capture(
        samples: ByteBuffer,
        count: Int,
    )

    /**
     * Fills in what the speaker is to play: the first [count] samples of [samples], whatever its position. Keep to one buffer.
     *
     * @throws IllegalArgumentException when [samples] is no direct buffer, is read-only or holds fewer than [count]
     */
    public fun playout(
        samples: ByteBuffer,
        count: Int,
    )

    /** The device has failed while it ran: the calls that need it end, and [AudioDevice.stop] is called. */
    public fun failed(problem: AudioProblem)
}

/** Why a device does not run. */
public enum class AudioProblem {
    /** There is no microphone. */
    NoMicrophone,

    /** There is no speaker. */
    NoSpeaker,

    /** The user has not allowed the microphone, or another app has it. */
    Denied,

    /** It failed in another way. */
    Failed,
}

/** Thrown by [AudioDevice.start]: there is no sound. */
public class AudioException(
    public val problem: AudioProblem,
    cause: Throwable? = null,
) : Exception("the sound device does not run: $problem", cause)
