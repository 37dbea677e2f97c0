package dev.doorstep

import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.HANG
import dev.doorstep.stage.PushService
import dev.doorstep.stage.Stage
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull

/** A closed app and its pushes: who is woken, and what comes of each message. */
class WakeTest {
    private val push = PushService()
    private val stage = Stage(push)

    @AfterEach
    fun end() {
        stage.close()
        push.close()
    }

    private val config =
        DoorstepConfig(
            gateway = stage.edge,
            installation = "4f0a4a8e-3f3c-4b84-9f57-0f3a9e6a8a11",
            push = PushTarget.fcm("project", "a device's token"),
            tokens = { stage.token("anna") },
        )

    @Test
    fun `a closed app is woken by a push, rings at once and takes the call`() =
        test {
            stage.openOrder("4711", "anna")
            Doorstep.create(config).use { push.tokens.receive() }
            val phone = stage.phone("call", COMPANY)
            val message = push.messages.receive()

            assertNotNull(Doorstep.createWoken(config, message)).use { doorstep ->
                val call = doorstep.calls.value.single()
                assertEquals(message["call"], call.callId)
                assertEquals("Order 4711", call.label)
                assertEquals(PushOutcome.Rings(call, known = true), doorstep.followPush(message))
                call.answer()
                call.state.first { it is CallState.Active }
                assertEquals(OrderId("4711"), call.order)
                phone.await("answered")
                call.hangUp()
                phone.await("ended")
                assertIs<PushOutcome.NoCall>(doorstep.followPush(message))
            }
        }

    @Test
    fun `a courier who has signed out is not woken`() =
        test {
            stage.openOrder("4711", "anna")
            val doorstep = Doorstep.create(config)
            assertEquals("a device's token", push.tokens.receive())
            doorstep.signOut()
            push.removed.receive()
            stage.phone("call", COMPANY).await("ended")
            assertNull(push.messages.tryReceive().getOrNull())
            assertEquals(ConnectionState.Offline, doorstep.connection.value)
        }

    @Test
    fun `a push to the running app rings, and a later target is told`() =
        test {
            stage.openOrder("4711", "anna")
            Doorstep.create(config).use { doorstep ->
                push.tokens.receive()
                doorstep.setPushTarget(PushTarget.fcm("project", "a later token"))
                assertEquals("a later token", push.tokens.receive())
                val soon = System.currentTimeMillis() + 20_000
                val fields = mapOf("v" to "1", "kind" to "incoming", "call" to "c1", "order" to "4711", "label" to "Order 4711")
                val times = mapOf("sent_at" to "1", "expires_at" to soon.toString())
                val rings = assertIs<PushOutcome.Rings>(doorstep.followPush(fields + times))
                assertFalse(rings.known)
                assertEquals(CallState.Incoming, rings.call.state.value)
                assertEquals(listOf(rings.call), doorstep.calls.value)
                rings.call.reject()
                assertEquals(EndReason.DeclinedHere, rings.call.ended().reason)

                val stale = fields + times + mapOf("call" to "c2", "expires_at" to "2")
                assertEquals(PushOutcome.NoCall(EndReason.Expired), doorstep.followPush(stale))
                assertEquals(PushOutcome.NoCall(EndReason.ProtocolError), doorstep.followPush(fields + ("call" to "c3")))
                assertNull(doorstep.followPush(mapOf("promotion" to "a free meal")))
                assertFalse(doorstep.handlePush(mapOf("promotion" to "a free meal")))
            }
        }

    @Test
    fun `an app that a push of somebody else's started starts nothing`() {
        assertNull(Doorstep.createWoken(config, mapOf("promotion" to "a free meal")))
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }
}
