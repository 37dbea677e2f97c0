package dev.doorstep

import dev.doorstep.stage.HANG
import dev.doorstep.stage.Stage
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.CountDownLatch
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

private const val COURIER_HZ = 1_000.0
private const val CUSTOMER_HZ = 400.0

/** A device of the app's own, through real calls: well made, refusing, failing, slow and late. */
class AudioDeviceTest {
    private val stage = Stage()

    @BeforeEach
    fun order() = stage.openOrder("4711", "anna")

    @AfterEach
    fun end() = stage.close()

    private fun sdk(device: AudioDevice): Doorstep =
        Doorstep.create(DoorstepConfig(gateway = stage.edge, audio = Audio.Device(device), tokens = { stage.token("anna") }))

    @Test
    fun `the voice goes both ways, and the device runs only while a call needs it`() =
        test {
            val device = Instrument(says = COURIER_HZ, listensFor = CUSTOMER_HZ)
            val (said, recorded) = File(stage.dir, "customer.wav") to File(stage.dir, "heard.wav")
            writeTone(said, CUSTOMER_HZ, seconds = 30)
            val phone = stage.phone(listOf("--play", said.path, "--record", recorded.path), "answer", "--after", "0")
            sdk(device).use { doorstep ->
                val call = doorstep.contactCustomer(OrderId("4711"))
                assertEquals("start", device.told.receive())
                phone.await("first_audio")
                device.heard.await()
                call.hangUp()
                assertEquals("stop", device.told.receive())
                phone.await("ended")

                val again = doorstep.contactCustomer(OrderId("4711"))
                assertEquals("start", device.told.receive())
                again.hangUp()
                assertEquals("stop", device.told.receive())
            }
            phone.close()
            assertTrue(holdsTone(recorded, COURIER_HZ))
        }

    @Test
    fun `a device that does not start ends the call, and the next one may work`() =
        test {
            val phone = stage.phone("answer", "--after", "0")
            val device = Faulty(mutableListOf(AudioException(AudioProblem.Denied), IllegalArgumentException("personal"), null))
            sdk(device).use { doorstep ->
                repeat(2) { assertEquals(EndReason.MediaFailed, doorstep.contactCustomer(OrderId("4711")).ended().reason) }
                val call = doorstep.contactCustomer(OrderId("4711"))
                call.state.first { it is CallState.Active }
                phone.await("answered")
            }
        }

    @Test
    fun `a device that fails in a call ends it, is stopped, and may fail at that too`() =
        test {
            stage.phone("answer", "--after", "0")
            val device = Faulty(mutableListOf(null, null), IllegalStateException("does not stop"))
            sdk(device).use { doorstep ->
                repeat(2) {
                    val call = doorstep.contactCustomer(OrderId("4711"))
                    val exchange = device.started.receive()
                    call.state.first { it is CallState.Active }
                    exchange.failed(AudioProblem.NoMicrophone)
                    assertEquals(EndReason.MediaFailed, call.ended().reason)
                    device.stopped.receive()
                }
            }
        }

    @Test
    fun `a slow device holds up no call, and stop waits for its start`() =
        test {
            stage.phone("answer", "--after", "0")
            val slow = Slow()
            sdk(slow).use { doorstep ->
                val call = doorstep.contactCustomer(OrderId("4711"))
                slow.starts.await()
                call.state.first { it is CallState.Active }
                call.hangUp()
                assertEquals(EndReason.HungUpHere, call.ended().reason)
                assertEquals(listOf("starting"), slow.told.toList())
                slow.goOn.countDown()
                slow.stops.await()
                assertEquals(listOf("starting", "started", "stopped"), slow.told.toList())
            }
        }

    @Test
    fun `a device that is late after the end plays silence`() =
        test {
            stage.phone("answer", "--after", "0")
            val device = Faulty(mutableListOf(null))
            val doorstep = sdk(device)
            doorstep.contactCustomer(OrderId("4711")).state.first { it is CallState.Active }
            val exchange = device.started.receive()
            doorstep.close()
            device.stopped.receive()
            val frame = samples(160)
            frame.putShort(0, 7)
            exchange.capture(frame, 160)
            exchange.playout(frame, 160)
            assertEquals(0, frame.getShort(0))
            exchange.failed(AudioProblem.Failed)
        }

    @Test
    fun `buffers that cannot be used are refused, not read`() =
        test {
            stage.phone("answer", "--after", "0")
            val device = Faulty(mutableListOf(null))
            sdk(device).use { doorstep ->
                doorstep.contactCustomer(OrderId("4711"))
                val exchange = device.started.receive()
                val bad = listOf(ByteBuffer.allocate(320) to 160, samples(160) to 161, samples(160) to -1)
                for ((buffer, count) in bad) {
                    assertFailsWith<IllegalArgumentException> { exchange.capture(buffer, count) }
                    assertFailsWith<IllegalArgumentException> { exchange.playout(buffer, count) }
                }
                assertFailsWith<IllegalArgumentException> { exchange.playout(samples(160).asReadOnlyBuffer(), 160) }
            }
        }

    @Test
    fun `rates that cannot be used are an error at once`() {
        for (rate in listOf(-1, 0, 11_025, 192_000)) {
            assertFailsWith<DoorstepError.InvalidRate> { sdk(Instrument(COURIER_HZ, CUSTOMER_HZ, captureRate = rate)) }
        }
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }
}

/** Throws what is next at each start, and always at each stop. */
private class Faulty(
    private val atStart: MutableList<Exception?>,
    private val atStop: Exception? = null,
) : AudioDevice {
    override val captureRate = 16_000
    override val playoutRate = 16_000
    val started = Channel<AudioExchange>(Channel.UNLIMITED)
    val stopped = Channel<Unit>(Channel.UNLIMITED)

    override fun start(exchange: AudioExchange) {
        atStart.removeFirst()?.let { throw it }
        started.trySend(exchange)
    }

    override fun stop() {
        stopped.trySend(Unit)
        atStop?.let { throw it }
    }
}

/** Starts when it is let. */
private class Slow : AudioDevice {
    override val captureRate = 8_000
    override val playoutRate = 48_000
    val told = java.util.concurrent.CopyOnWriteArrayList<String>()
    val starts = CompletableDeferred<Unit>()
    val goOn = CountDownLatch(1)
    val stops = CompletableDeferred<Unit>()

    override fun start(exchange: AudioExchange) {
        told += "starting"
        starts.complete(Unit)
        goOn.await()
        told += "started"
    }

    override fun stop() {
        told += "stopped"
        stops.complete(Unit)
    }
}
