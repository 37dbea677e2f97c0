package dev.doorstep

import dev.doorstep.core.LogLevel
import dev.doorstep.core.endReasonCode
import dev.doorstep.core.endReasonText
import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.HANG
import dev.doorstep.stage.Stage
import dev.doorstep.stage.field
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs

/** The Kotlin API over the real library, a real gateway and a real phone. */
class MaskedCallTest {
    private val stage = Stage()

    @AfterEach
    fun end() = stage.close()

    private fun sdk(courier: String = "anna"): Doorstep =
        Doorstep.create(
            DoorstepConfig(
                gateway = stage.edge,
                audio = Audio.Tone(440.0),
                tokens = { stage.token(courier) },
            ),
        )

    @Test
    fun `the courier calls the customer and both hear each other`() =
        test {
            stage.openOrder("4711", "anna")
            val phone = stage.phone("answer", "--after", "0")
            sdk().use { doorstep ->
                val call = doorstep.contactCustomer(OrderId("4711"))
                val screen = phone.await("incoming")
                assertEquals(COMPANY, field(screen, "screen"))
                val active = call.state.first { it is CallState.Active }
                assertEquals(CallState.Active(muted = false, held = false, heldByFarSide = false), active)
                phone.await("first_audio")

                call.hold(true)
                assertEquals(CallState.Active(muted = false, held = true, heldByFarSide = false), call.state.first { it != active })
                phone.await("held")
                call.hold(false)
                call.state.first { it == active }
                call.sendDtmf("5")
                assertEquals("5", field(phone.await("dtmf"), "digit"))
                call.mute(true)
                call.state.first { it == CallState.Active(muted = true, held = false, heldByFarSide = false) }

                call.hangUp()
                assertEquals(EndReason.HungUpHere, call.ended().reason)
                phone.await("ended")
                assertEquals(emptyList(), doorstep.calls.first { it.isEmpty() })
                assertFailsWith<DoorstepError.CallOver> { call.answer() }
            }
        }

    @Test
    fun `the customer calls back and the courier answers`() =
        test {
            stage.openOrder("4711", "anna")
            sdk().use { doorstep ->
                doorstep.reachability.first { it == Reachability.Reachable }
                val phone = stage.phone("call", COMPANY)
                val call = doorstep.calls.first { it.isNotEmpty() }.first()
                assertEquals("Order 4711", call.label)
                assertEquals(OrderId("4711"), call.order)
                call.answer()
                call.state.first { it is CallState.Active }
                phone.await("answered")
                phone.await("first_audio")
                phone.close()
                assertEquals(EndReason.HungUpThere, call.ended().reason)
            }
        }

    @Test
    fun `another courier's order is refused with words for the courier`() =
        test {
            stage.openOrder("4711", "anna")
            sdk(courier = "bert").use { doorstep ->
                val ended = doorstep.contactCustomer(OrderId("4711")).ended()
                assertEquals(EndReason.NotYourOrder, ended.reason)
                assert(ended.text.isNotBlank())
            }
        }

    @Test
    fun `a signed out courier is told so`() =
        test {
            val config = DoorstepConfig(gateway = stage.edge, tokens = { throw SignedOutException() })
            Doorstep.create(config).use { doorstep ->
                val failed = doorstep.reachability.first { it is Reachability.Failed }
                assertEquals(Reachability.Failed(EndReason.Unauthorized), failed)
            }
        }

    @Test
    fun `what is asked after the end says so, and ending twice does nothing`() =
        test {
            stage.openOrder("4711", "anna")
            stage.phone("answer", "--after", "0")
            val doorstep = sdk()
            val call = doorstep.contactCustomer(OrderId("4711"))
            doorstep.signOut()
            doorstep.close()
            assertFailsWith<DoorstepError.ShutDown> { doorstep.contactCustomer(OrderId("4711")) }
            assertFailsWith<DoorstepError> { call.hangUp() }
        }

    @Test
    fun `a URL that is none is an error at once`() {
        val config = DoorstepConfig(gateway = "https://example.com", tokens = { "" })
        assertIs<DoorstepError.InvalidGateway>(runCatching { Doorstep.create(config) }.exceptionOrNull())
    }

    @Test
    fun `reasons are the same in both layers`() {
        val core = dev.doorstep.core.EndReason.entries.map { it.name.replace("_", "").lowercase() }
        assertEquals(core, EndReason.entries.map { it.name.lowercase() })
        for ((inside, outside) in dev.doorstep.core.EndReason.entries.zip(EndReason.entries)) {
            assertEquals(endReasonCode(inside) to endReasonText(inside), outside.code to outside.text)
        }
        assertEquals(LogLevel.entries.map { it.name }, DoorstepLog.Level.entries.map { it.name.uppercase() })
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }
}
