package dev.doorstep

import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.CUSTOMER
import dev.doorstep.stage.HANG
import dev.doorstep.stage.Stage
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import java.io.File
import java.io.IOException
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds

private const val ROUNDS = 200

/** Tokens, cancellation, events, the log, and what is left of an SDK that is closed. */
class LifetimeTest {
    private val stage = Stage()

    @AfterEach
    fun end() = stage.close()

    private fun config(
        audio: Audio = Audio.Silence,
        tokens: suspend () -> String = { stage.token("anna") },
    ) = DoorstepConfig(gateway = stage.edge, audio = audio, tokens = tokens)

    @Test
    fun `a backend that fails is asked for a token again`() =
        test {
            val asked = AtomicInteger()
            val tokens = suspend {
                if (asked.incrementAndGet() == 1) throw IOException("the backend is not there")
                stage.token("anna")
            }
            Doorstep.create(config(tokens = tokens)).use { doorstep ->
                doorstep.reachability.first { it == Reachability.Reachable }
                assertEquals(2, asked.get())
            }
        }

    @Test
    fun `a backend that never answers holds up no end`() =
        test {
            val (asked, dropped) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
            val tokens = suspend {
                asked.complete(Unit)
                try {
                    awaitCancellation()
                } finally {
                    dropped.complete(Unit)
                }
            }
            val doorstep = Doorstep.create(config(tokens = tokens))
            asked.await()
            val call = doorstep.contactCustomer(OrderId("4711"))
            doorstep.close()
            assertEquals(EndReason.Shutdown, call.ended().reason)
            dropped.await()
        }

    @Test
    fun `a coroutine that is cancelled while it waits leaves no call behind`() =
        test {
            stage.openOrder("4711", "anna")
            val phone = stage.phone("answer", "--after", "0")
            Doorstep.create(config()).use { doorstep ->
                coroutineScope {
                    val waits = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { doorstep.contactCustomer(OrderId("4711")) }
                    waits.cancel()
                    // Who was faster than that has a call, and ends it.
                    runCatching { waits.await() }.onSuccess { it.hangUp() }
                }
                doorstep.calls.first { it.isEmpty() }
                // Only the one that is not cancelled is answered.
                val call = doorstep.contactCustomer(OrderId("4711"))
                call.state.first { it is CallState.Active }
                phone.await("answered")

                coroutineScope { launch(start = CoroutineStart.UNDISPATCHED) { call.ended() }.cancelAndJoin() }
                assertTrue(call.state.value is CallState.Active)
            }
        }

    @Test
    fun `who waits for a call hears that the SDK was closed`() =
        test {
            stage.openOrder("4711", "anna")
            stage.phone("answer", "--after", "0")
            val doorstep = Doorstep.create(config())
            val call = doorstep.contactCustomer(OrderId("4711"))
            coroutineScope {
                val end = async(start = CoroutineStart.UNDISPATCHED) { call.ended() }
                doorstep.close()
                assertEquals(EndReason.Shutdown, end.await().reason)
            }
            assertEquals(emptyList(), doorstep.calls.value)
            assertFailsWith<DoorstepError.CallOver> { call.mute(true) }
            assertFailsWith<DoorstepError.ShutDown> { doorstep.networkChanged() }
            assertFailsWith<DoorstepError.ShutDown> { doorstep.signOut() }
        }

    @Test
    fun `a transfer to another order is told as it goes`() =
        test {
            stage.openOrder("4711", "anna")
            stage.phone("answer", "--after", "0")
            Doorstep.create(config()).use { doorstep ->
                val call = doorstep.contactCustomer(OrderId("4711"))
                call.state.first { it is CallState.Active }
                coroutineScope {
                    val told =
                        async(start = CoroutineStart.UNDISPATCHED) {
                            doorstep.events.filterIsInstance<DoorstepEvent.Transfer>().first { it.progress is TransferProgress.Failed }
                        }
                    call.transfer(OrderId("no such order"))
                    assertEquals(call, told.await().call)
                }
                assertFailsWith<DoorstepError.InvalidDigit> { call.sendDtmf("x") }
                assertTrue(call.state.value is CallState.Active)
            }
        }

    @Test
    fun `the log tells of a call, and names nobody`() =
        test {
            val told = Channel<DoorstepLog.Line>(Channel.UNLIMITED)
            assertTrue(DoorstepLog.send(DoorstepLog.Level.Debug) { told.trySend(it) })
            assertFalse(DoorstepLog.send(DoorstepLog.Level.Error) { throw IllegalStateException() })
            val token = stage.token("anna")
            stage.openOrder("4711", "anna")
            stage.phone("answer", "--after", "0")
            Doorstep.create(config { token }).use { doorstep ->
                val call = doorstep.contactCustomer(OrderId("4711"))
                call.state.first { it is CallState.Active }
                call.hangUp()
                call.ended()
            }
            // Where nobody listens there is something to tell.
            val lines = Doorstep.create(DoorstepConfig(gateway = "ws://127.0.0.1:9/ws", tokens = { token })).use { mutableListOf(told.receive()) }
            while (true) lines += told.tryReceive().getOrNull() ?: break
            val secrets = listOf(token, CUSTOMER, CUSTOMER.drop(1), COMPANY, COMPANY.drop(1), "Order 4711", "127.0.0.1:")
            assertEquals(emptyList(), lines.filter { line -> secrets.any { it in line.text } })
        }

    @Test
    fun `after 200 rounds no thread and no file is left`() =
        test {
            suspend fun round() {
                val device = Instrument(says = 1_000.0, listensFor = 400.0)
                Doorstep.create(config(Audio.Device(device))).use { it.contactCustomer(OrderId("4711")) }
            }
            // What stays for good is there after a few.
            repeat(5) { round() }
            val before = settled(null)
            repeat(ROUNDS) { round() }
            val after = settled(before)
            assertTrue(after.first <= before.first && after.second <= before.second, "threads and files: $before before, $after after")
        }

    /** Threads and open files, once no SDK's are left (or as many as before). Nothing tells of the end of a thread but its absence. */
    private suspend fun settled(before: Pair<Int, Int>?): Pair<Int, Int> {
        fun ours() = File("/proc/self/task").listFiles().orEmpty().count { task ->
            val name = runCatching { File(task, "comm").readText().trim() }.getOrDefault("")
            name == "doorstep-audio" || name == "doorstep-events" || name == "instrument"
        }
        fun files() = File("/proc/self/fd").list().orEmpty().size
        while (ours() > 0 || before != null && files() > before.second) delay(20.milliseconds)
        return ours() to files()
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }
}
