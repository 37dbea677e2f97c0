package dev.doorstep.courier

import dev.doorstep.Audio
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.HANG
import dev.doorstep.stage.Stage
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import java.util.concurrent.Executors
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

/** The app without a screen, over the real library, a real gateway and a customer's real phone. */
class RealCallTest {
    private val stage = Stage()
    private val thread = Executors.newSingleThreadExecutor().asCoroutineDispatcher()
    private val scope = CoroutineScope(thread + Job())
    private val kept =
        object : AccountStore {
            override fun load(): Account? = null

            override fun save(account: Account) = Unit

            override fun clear() = Unit
        }
    private val device = Device.Plain()
    private val app =
        CourierApp(scope, device, kept, GatewayOrders()) { account ->
            Phone(account, device, scope) { config ->
                Doorstep.create(DoorstepConfig(gateway = config.gateway, audio = Audio.Tone(440.0), tokens = config.tokens))
            }
        }

    @BeforeEach
    fun start() = stage.openOrder("4711", "anna")

    @AfterEach
    fun end() {
        app.close()
        scope.cancel()
        thread.close()
        stage.close()
    }

    private suspend fun tap(what: CourierApp.() -> Unit) = withContext(thread) { app.what() }

    private suspend inline fun <reified S : Screen> shows(crossinline wanted: (S) -> Boolean = { true }): S =
        app.screen.first { it is S && wanted(it) } as S

    private suspend fun call(wanted: (CallView) -> Boolean): CallView = shows<Screen.Call> { wanted(it.call) }.call

    private suspend fun signIn() {
        tap {
            visible(true)
            signIn(stage.edge, "anna", stage.token("anna"))
        }
        shows<Screen.Orders> { it.status == LineStatus.Reachable }
    }

    private fun test(block: suspend () -> Unit) = runBlocking { withTimeout(HANG * 2) { block() } }

    @Test
    fun `sign in, list, call, talk, hold, keys, end`() =
        test {
            val phone = stage.phone("answer", "--after", "300")
            signIn()
            val row = shows<Screen.Orders> { !it.orders.isNullOrEmpty() }.orders.orEmpty().single()
            assertEquals("4711" to "Order 4711", row.id to row.title)
            tap { open(row) }
            tap { contact() }
            call { it.status == Word.StateRinging.text }
            call { it.stage == CallStage.Talking }
            phone.await("first_audio")
            assertNotNull(call { it.quality != null }.quality)
            tap { mute() }
            call { it.isMuted }
            tap { mute() }
            call { !it.isMuted }
            tap { key('5') }
            assertTrue("\"5\"" in phone.await("dtmf"))
            tap { hold() }
            call { it.isHeld }
            phone.await("held")
            tap { hold() }
            call { it.stage == CallStage.Talking && !it.isHeld }
            tap { hangUp() }
            assertEquals("You ended the call", call { it.stage == CallStage.Ended }.status)
            phone.await("ended")
            tap { closeCall() }
            shows<Screen.OrderDetails>()
        }

    @Test
    fun `the customer calls, and sees and shows no number`() =
        test {
            signIn()
            val phone = stage.phone("call", COMPANY)
            assertEquals("Order 4711", call { it.stage == CallStage.Incoming }.title)
            tap { answer() }
            call { it.stage == CallStage.Talking }
            phone.close()
            assertEquals("The call was ended by the other side", call { it.stage == CallStage.Ended }.status)
        }

    @Test
    fun `a token of another key is refused at sign-in`() =
        test {
            tap { signIn(stage.edge, "anna", token("anna", java.time.Instant.now().plusSeconds(60))) }
            assertEquals(Trouble(Word.Refused, Word.RefusedAdvice), shows<Screen.SignIn> { it.trouble != null }.trouble)
        }

    @Test
    fun `signing out and in again`() =
        test {
            signIn()
            tap { signOut() }
            assertEquals(stage.edge, shows<Screen.SignIn> { !it.isBusy }.server)
            signIn()
        }
}
