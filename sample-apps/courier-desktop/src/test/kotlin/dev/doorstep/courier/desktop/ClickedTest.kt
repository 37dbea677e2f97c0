package dev.doorstep.courier.desktop

import dev.doorstep.courier.Account
import dev.doorstep.courier.AccountStore
import dev.doorstep.courier.CallStage
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.LineStatus
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word
import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.HANG
import dev.doorstep.stage.Stage
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import java.awt.Robot
import java.awt.event.InputEvent
import javax.swing.JFrame
import javax.swing.JLabel
import javax.swing.JTextField
import javax.swing.text.JTextComponent
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** The window as a courier clicks it with the mouse, over the real library, a real gateway and a customer's real phone. */
class ClickedTest {
    private lateinit var stage: Stage
    private lateinit var courier: Courier
    private val app: CourierApp get() = courier.app
    private val frame get() = courier.window.frame
    private val kept = Kept()

    @BeforeEach
    fun open() {
        Desktop.needed()
        stage = Stage()
        courier = Desktop.onScreen { Courier(kept).also { it.window.frame.isVisible = true } }
    }

    @AfterEach
    fun close() {
        if (!::courier.isInitialized) return
        Desktop.onScreen {
            app.close()
            frame.dispose()
        }
        stage.close()
    }

    private class Kept : AccountStore {
        @Volatile var account: Account? = null

        override fun load() = account

        override fun save(account: Account) {
            this.account = account
        }

        override fun clear() {
            account = null
        }
    }

    private suspend inline fun <reified S : Screen> shows(crossinline wanted: (S) -> Boolean = { true }): S {
        val screen = app.screen.first { it is S && wanted(it) } as S
        // What was told is drawn, too.
        Desktop.onScreen { frame.validate() }
        return screen
    }

    private suspend fun call(wanted: (Screen.Call) -> Boolean) = shows<Screen.Call> { wanted(it) }.call

    /** With the mouse: what is covered, off or outside of the window cannot be clicked. */
    private fun click(
        name: String,
        frame: JFrame = this.frame,
    ) {
        val part = assertNotNull(Desktop.named(frame, name), "nothing called $name is there")
        val middle = Desktop.onScreen { part.locationOnScreen.apply { translate(part.width / 2, part.height / 2) } }
        val robot = Robot().apply { isAutoWaitForIdle = true }
        robot.mouseMove(middle.x, middle.y)
        robot.mousePress(InputEvent.BUTTON1_DOWN_MASK)
        robot.mouseRelease(InputEvent.BUTTON1_DOWN_MASK)
    }

    private fun click(word: Word) = click(word.name)

    private fun type(
        field: Word,
        text: String,
    ) = Desktop.onScreen { (Desktop.all(frame.contentPane).first { it.name == field.name } as JTextField).text = text }

    private fun isEnabled(name: String) = assertNotNull(Desktop.named(frame, name)).isEnabled

    private suspend fun signIn() {
        type(Word.Server, stage.edge)
        type(Word.CourierId, "anna")
        type(Word.Token, stage.token("anna"))
        click(Word.SignIn)
        shows<Screen.Orders> { it.status == LineStatus.Reachable && !it.isLoading && it.orders != null }
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }

    @Test
    fun `sign in, open an order, call, mute, hold, press keys, hang up`() =
        test {
            stage.openOrder("4711", "anna", "Pizza Napoli")
            val phone = stage.phone("answer", "--after", "500")
            signIn()
            assertEquals("anna", kept.account?.courier)
            click("order 4711")
            shows<Screen.OrderDetails>()
            click(Word.ContactCustomer)
            call { it.call.status == Word.StateRinging.text }
            assertFalse(isEnabled(Word.Hold.name))
            call { it.call.stage == CallStage.Talking }
            phone.await("answered")
            // This computer has no sound, or somebody's; the loudspeaker is the system's to choose in any case.
            assertFalse(isEnabled(Word.Speaker.name))
            click(Word.Mute)
            call { it.call.isMuted }
            click(Word.Mute)
            call { !it.call.isMuted }
            click(Word.Keypad)
            call { it.call.isKeypadShown }
            click("key 4")
            assertTrue("\"4\"" in phone.await("dtmf"))
            click("key #")
            assertTrue("\"#\"" in phone.await("dtmf"))
            call { it.call.keys == "4#" }
            click(Word.Hold)
            call { it.call.isHeld }
            phone.await("held")
            click(Word.Hold)
            call { !it.call.isHeld }
            click(Word.HangUp)
            assertEquals("You ended the call", call { it.call.stage == CallStage.Ended }.status)
            phone.await("ended")
            click(Word.Close)
            shows<Screen.OrderDetails>()
        }

    @Test
    fun `a customer calls, and the courier answers, then declines the next`() =
        test {
            stage.openOrder("4711", "anna", "Pizza Napoli")
            signIn()
            val first = stage.phone("call", COMPANY)
            assertEquals("Pizza Napoli", call { it.call.stage == CallStage.Incoming }.title)
            click(Word.Answer)
            call { it.call.stage == CallStage.Talking }
            first.close()
            assertEquals("The call was ended by the other side", call { it.call.stage == CallStage.Ended }.status)
            click(Word.Close)
            shows<Screen.Orders>()
            val second = stage.phone("call", COMPANY)
            call { it.call.stage == CallStage.Incoming }
            click(Word.Decline)
            assertEquals("You declined the call", call { it.call.stage == CallStage.Ended }.status)
            second.await("ended")
        }

    @Test
    fun `a busy customer is called again`() =
        test {
            stage.openOrder("4711", "anna")
            val busy = stage.phone("answer", "--busy")
            signIn()
            click("order 4711")
            shows<Screen.OrderDetails>()
            click(Word.ContactCustomer)
            assertEquals("The customer is on another call", call { it.call.stage == CallStage.Ended }.status)
            busy.close()
            stage.phone("answer", "--after", "0")
            click(Word.CallAgain)
            call { it.call.stage == CallStage.Talking }
        }

    @Test
    fun `what is typed wrong is told beside its field, and no orders are told as such`() =
        test {
            type(Word.Server, "calls.example.com")
            click(Word.SignIn)
            shows<Screen.SignIn> { it.errors.isNotEmpty() }
            val told = Desktop.onScreen { Desktop.all(frame.contentPane).filterIsInstance<Paragraph>().map { it.text } }
            assertEquals(listOf(Word.ServerNotSecure, Word.CourierMissing, Word.TokenMissing).map { it.text }, told)
            signIn()
            assertTrue(Desktop.onScreen { Desktop.all(frame.contentPane).any { (it as? JLabel)?.text == Word.NoOrders.text } })
            assertNull(Desktop.onScreen { Desktop.all(frame.contentPane).find { it is JTextComponent } })
        }

    @Test
    fun `the demo's customer calls, hangs up and is called`() =
        test {
            Demo().use { demo ->
                Desktop.onScreen {
                    app.close()
                    frame.dispose()
                    courier = Courier(demo.account).also { it.window.frame.isVisible = true }
                }
                val customer = Desktop.onScreen { demo.show(beside = frame) }
                shows<Screen.Orders> { it.status == LineStatus.Reachable && it.orders?.size == 3 }
                click("customer calls", customer)
                call { it.call.stage == CallStage.Incoming }
                click(Word.Answer)
                call { it.call.stage == CallStage.Talking }
                click("customer hangs up", customer)
                call { it.call.stage == CallStage.Ended }
                click(Word.Close)
                shows<Screen.Orders>()
                click("order 4711")
                shows<Screen.OrderDetails>()
                click(Word.ContactCustomer)
                call { it.call.stage == CallStage.Talking }
            }
        }

    @Test
    fun `reachability tells of this computer`() =
        test {
            signIn()
            click(Word.Reachability.text)
            val checks = shows<Screen.Reachability>().checks
            assertEquals(listOf(Word.CheckServer, Word.CheckMicrophone, Word.CheckSpeaker).map { it.text }, checks.map { it.name })
            assertNull(checks.first().trouble)
            click(Word.Back.text)
            shows<Screen.Orders>()
        }
}
