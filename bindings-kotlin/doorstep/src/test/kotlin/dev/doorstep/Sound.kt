package dev.doorstep

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.ShortBuffer
import java.util.concurrent.locks.LockSupport
import kotlin.concurrent.thread
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

/** A microphone that hears a tone, and a speaker that listens for another. It runs in real time, as hardware does. */
class Instrument(
    private val says: Double,
    private val listensFor: Double,
    override val captureRate: Int = 48_000,
    override val playoutRate: Int = 16_000,
) : AudioDevice {
    /** `start` and `stop`, as they come. */
    val told = Channel<String>(Channel.UNLIMITED)

    /** The far side's tone was heard. */
    val heard = CompletableDeferred<Unit>()

    /** The exchange of the last start. */
    val exchange = CompletableDeferred<AudioExchange>()

    private var player: Thread? = null

    override fun start(exchange: AudioExchange) {
        told.trySend("start")
        this.exchange.complete(exchange)
        player = thread(name = "instrument") { play(exchange) }
    }

    override fun stop() {
        player?.interrupt()
        player?.join()
        told.trySend("stop")
    }

    private fun play(exchange: AudioExchange) {
        val microphone = samples(captureRate / FRAMES)
        val speaker = samples(playoutRate / FRAMES)
        tone(microphone.asShortBuffer(), says, captureRate)
        var next = System.nanoTime()
        while (!Thread.currentThread().isInterrupted) {
            exchange.capture(microphone, captureRate / FRAMES)
            exchange.playout(speaker, playoutRate / FRAMES)
            if (share(speaker.asShortBuffer(), listensFor, playoutRate) > MOSTLY) heard.complete(Unit)
            next += 1_000_000_000L / FRAMES
            while (System.nanoTime() < next && !Thread.currentThread().isInterrupted) LockSupport.parkNanos(next - System.nanoTime())
        }
    }
}

/** Frames a second. */
private const val FRAMES = 50

/** A share of the loudness that no other sound has. */
const val MOSTLY = 0.6

/** Room for so many samples, as a device has it. */
fun samples(count: Int): ByteBuffer = ByteBuffer.allocateDirect(count * Short.SIZE_BYTES).order(ByteOrder.nativeOrder())

/** A WAV file of one tone. */
fun writeTone(
    file: File,
    hz: Double,
    seconds: Int,
) {
    val bytes = seconds * WAV_RATE * Short.SIZE_BYTES
    val wav = ByteBuffer.allocate(WAV_HEADER + bytes).order(ByteOrder.LITTLE_ENDIAN)
    wav.put("RIFF".toByteArray()).putInt(WAV_HEADER - 8 + bytes).put("WAVEfmt ".toByteArray()).putInt(16)
    wav.putShort(1).putShort(1).putInt(WAV_RATE).putInt(WAV_RATE * Short.SIZE_BYTES).putShort(2).putShort(16)
    wav.put("data".toByteArray()).putInt(bytes)
    tone(wav.slice().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer(), hz, WAV_RATE)
    file.writeBytes(wav.array())
}

/** Whether any 20 ms of a WAV file are mostly this tone. */
fun holdsTone(
    file: File,
    hz: Double,
): Boolean {
    val wav = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    val rate = wav.getInt(24)
    val sound = wav.position(WAV_HEADER).slice().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
    val frame = rate / FRAMES
    return (0..sound.capacity() - frame step frame).any { share(sound.slice(it, frame), hz, rate) > MOSTLY }
}

private const val WAV_RATE = 8_000
private const val WAV_HEADER = 44

private fun tone(
    into: ShortBuffer,
    hz: Double,
    rate: Int,
) {
    for (index in 0 until into.capacity()) into.put(index, (10_000 * sin(2 * PI * hz * index / rate)).toInt().toShort())
}

/** How much of the loudness is at this frequency (Goertzel): 1 for a pure tone, 0 for silence. */
private fun share(
    sound: ShortBuffer,
    hz: Double,
    rate: Int,
): Double {
    val factor = 2 * cos(2 * PI * hz / rate)
    var (last, before, all) = Triple(0.0, 0.0, 0.0)
    for (index in 0 until sound.capacity()) {
        val sample = sound[index].toDouble()
        val now = sample + factor * last - before
        before = last
        last = now
        all += sample * sample
    }
    val there = last * last + before * before - factor * last * before
    // Comfort noise is no tone.
    return if (all < sound.capacity() * 100.0 * 100.0) 0.0 else 2 * there / (all * sound.capacity())
}
