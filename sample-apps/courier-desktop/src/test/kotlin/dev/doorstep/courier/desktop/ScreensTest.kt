package dev.doorstep.courier.desktop

import dev.doorstep.courier.Account
import dev.doorstep.courier.AccountStore
import dev.doorstep.courier.CallStage
import dev.doorstep.courier.CallView
import dev.doorstep.courier.Check
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Device
import dev.doorstep.courier.Field
import dev.doorstep.courier.LineQuality
import dev.doorstep.courier.LineStatus
import dev.doorstep.courier.OrderRow
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Trouble
import dev.doorstep.courier.Word
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.swing.Swing
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import javax.swing.AbstractButton
import javax.swing.JLabel
import kotlin.test.assertEquals
import kotlin.test.assertTrue

private const val LONG = "Grand Hotel Continental, room 1204, for Mr. Featherstonehaugh-Cholmondeley, deliver at the reception desk please, thank you"

private const val LONG_ID = "company-order-2026-11-25-0000004711"

/** Each screen, full, empty, broken and with long names: everything fits, and a picture is left for a person to look at. */
class ScreensTest {
    private lateinit var scope: CoroutineScope
    private lateinit var window: CourierWindow

    @BeforeEach
    fun open() {
        Desktop.needed()
        scope = CoroutineScope(Dispatchers.Swing + Job())
        window =
            Desktop.onScreen {
                val app = CourierApp(scope, Device.Plain(), Nobody, { emptyList() }) { error("nobody signs in here") }
                CourierWindow(app, scope).also { it.frame.isVisible = true }
            }
    }

    @AfterEach
    fun close() {
        if (!::window.isInitialized) return
        scope.cancel()
        Desktop.onScreen { window.frame.dispose() }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("screens")
    fun `everything fits`(
        name: String,
        screen: Screen,
    ) {
        Desktop.onScreen { window.show(screen) }
        Desktop.onScreen { window.frame.validate() }
        Desktop.picture(window.frame, name)
        Desktop.onScreen {
            for (part in Desktop.all(window.frame.contentPane)) {
                val text = (part as? JLabel)?.text ?: (part as? AbstractButton)?.text
                if (!text.isNullOrEmpty() && text !in setOf(LONG, LONG_ID)) {
                    assertTrue(part.width >= part.preferredSize.width, "\"$text\" is cut: ${part.width} of ${part.preferredSize.width}")
                }
                if (part.parent is javax.swing.JViewport || part.parent.parent is javax.swing.JViewport) continue
                assertTrue(part.y >= 0 && part.y + part.height <= part.parent.height, "$part does not fit into ${part.parent}")
                assertTrue(part.x + part.width <= part.parent.width + 8, "$part does not fit into ${part.parent}")
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("screens")
    fun `every button has a name for those who do not see it`(
        @Suppress("unused") name: String,
        screen: Screen,
    ) {
        Desktop.onScreen { window.show(screen) }
        val nameless =
            Desktop.onScreen {
                Desktop.all(window.frame.contentPane).filterIsInstance<AbstractButton>().filter { it.accessibleContext.accessibleName.isNullOrEmpty() }
            }
        // The arrows of a scroll bar are the look's own.
        assertEquals(emptyList(), nameless.filter { "ScrollBar" !in it.javaClass.name && "Arrow" !in it.javaClass.name })
    }

    private object Nobody : AccountStore {
        override fun load(): Account? = null

        override fun save(account: Account) = Unit

        override fun clear() = Unit
    }

    companion object {
        private val orders =
            listOf(
                OrderRow("4711", "Pizza Napoli, 2 boxes", "Until 18:30", true),
                OrderRow("4712", "Sushi Garden", "Until 18:45", true),
                OrderRow("4713", "Flower shop, roses", "Until tomorrow, 09:00", true),
            )
        private val talking =
            CallView(
                title = "Pizza Napoli, 2 boxes",
                stage = CallStage.Talking,
                status = "02:17",
                onSpeaker = false,
                canMute = true,
                canHold = true,
                canSendKeys = true,
                quality = LineQuality.Good,
            )

        private fun call(view: CallView) = Screen.Call(view)

        @JvmStatic
        fun screens(): List<Array<Any>> =
            listOf(
                "sign-in" to Screen.SignIn(server = "wss://calls.example.com/ws", courier = "courier-17"),
                "sign-in-wrong" to
                    Screen.SignIn(
                        server = "calls.example.com",
                        errors = mapOf(Field.Server to Word.ServerWrong, Field.Courier to Word.CourierMissing, Field.Token to Word.TokenMalformed),
                    ),
                "sign-in-refused" to
                    Screen.SignIn("wss://calls.example.com/ws", "courier-17", trouble = Trouble(Word.Refused, Word.RefusedAdvice)),
                "sign-in-busy" to Screen.SignIn("wss://calls.example.com/ws", "courier-17", isBusy = true),
                "orders" to Screen.Orders(orders, false, null, LineStatus.Reachable),
                "orders-empty" to Screen.Orders(emptyList(), false, null, LineStatus.Reachable),
                "orders-loading" to Screen.Orders(null, true, null, LineStatus.Connecting),
                "orders-failed" to Screen.Orders(null, false, Trouble(Word.NoServer, Word.NoServerAdvice), LineStatus.Offline),
                "orders-long" to Screen.Orders(List(12) { OrderRow("$it", LONG, "Until Fri 27 Nov, 18:30", true) }, false, null, LineStatus.NotReachable),
                "orders-signed-out" to Screen.Orders(orders, false, Trouble(Word.Refused, Word.RefusedAdvice), LineStatus.SignedOut),
                "order" to Screen.OrderDetails(orders[0], LineStatus.Reachable, null, true),
                "order-closed" to
                    Screen.OrderDetails(
                        orders[0].copy(until = Word.Closed.text, isOpen = false),
                        LineStatus.Reachable,
                        Trouble(Word.OrderClosed, Word.OrderClosedAdvice),
                        false,
                    ),
                "order-long" to Screen.OrderDetails(OrderRow(LONG_ID, LONG, "Until 18:30", true), LineStatus.Offline, null, true),
                "incoming" to call(CallView("Pizza Napoli, 2 boxes", CallStage.Incoming, Word.IncomingCall.text)),
                "incoming-long" to call(CallView(LONG, CallStage.Incoming, Word.IncomingCall.text)),
                "call-ringing" to call(CallView("Pizza Napoli, 2 boxes", CallStage.Setup, Word.StateRinging.text, onSpeaker = false)),
                "call" to call(talking),
                "call-muted" to call(talking.copy(isMuted = true, onSpeaker = true, quality = LineQuality.Fair)),
                "call-held" to call(talking.copy(isHeld = true, status = "On hold · 02:17", canSendKeys = false, quality = null)),
                "call-keypad" to call(talking.copy(isKeypadShown = true, keys = "1234#", quality = LineQuality.Weak)),
                "call-no-sound" to call(talking.copy(onSpeaker = null, quality = LineQuality.Bad, notice = Word.Silent.text)),
                "call-worst" to
                    call(talking.copy(title = LONG, isKeypadShown = true, keys = "12345678901234567890", notice = "${Word.NoMicrophone.text} ${Word.NoSpeaker.text}")),
                "call-ended" to call(CallView("Pizza Napoli, 2 boxes", CallStage.Ended, "The customer is on another call", canCallAgain = true)),
                "call-ended-for-good" to call(CallView("Pizza Napoli, 2 boxes", CallStage.Ended, "This order is with another courier")),
                "reachability" to Screen.Reachability(listOf(Check(Word.CheckServer.text, null), Check(Word.CheckMicrophone.text, null), Check(Word.CheckSpeaker.text, null))),
                "reachability-trouble" to
                    Screen.Reachability(
                        listOf(
                            Check(Word.CheckServer.text, Word.Offline.text),
                            Check(Word.CheckMicrophone.text, Word.NoMicrophone.text, canMend = true),
                            Check(Word.CheckSpeaker.text, null),
                            Check(Word.CheckBackground.text, "The phone saves battery with this app: calls may come late.", blocks = false, canMend = true),
                        ),
                    ),
            ).map { (name, screen) -> arrayOf(name, screen) }
    }
}
