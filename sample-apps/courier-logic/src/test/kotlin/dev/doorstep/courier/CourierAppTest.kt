package dev.doorstep.courier

import dev.doorstep.DoorstepConfig
import dev.doorstep.DoorstepError
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.Reachability
import dev.doorstep.test.FakeCall
import dev.doorstep.test.FakeDoorstep
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.plus
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.time.Clock
import java.time.Instant
import java.time.ZoneOffset
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

private const val SERVER = "wss://calls.example.com/ws"

/** Every screen and every tap, with the SDK, the server and the clock played by the test. */
@OptIn(ExperimentalCoroutinesApi::class)
class CourierAppTest {
    private class Kept(
        var account: Account? = null,
    ) : AccountStore {
        override fun load() = account

        override fun save(account: Account) {
            this.account = account
        }

        override fun clear() {
            account = null
        }
    }

    private class Phone4711 : Device {
        override val onSpeaker = MutableStateFlow<Boolean?>(false)
        override val soundNotice = MutableStateFlow<String?>(null)
        val found = mutableListOf<Check>()

        override fun useSpeaker(on: Boolean) {
            onSpeaker.value = on
        }

        override fun checks() = found.toList()

        override fun mend(check: Check) {
            found -= check
        }
    }

    private inner class Stage(
        private val test: TestScope,
    ) {
        var sdk = FakeDoorstep()
        val device = Phone4711()
        val kept = Kept()
        var cannotStart: DoorstepError? = null
        var listed = listOf(order("4711", "2026-11-25T18:30:00Z", "Pizza"), order("12", "2026-11-26T09:00:00Z"))
        var refusal: NoOrders? = null
        var asks = 0
        lateinit var config: DoorstepConfig
        private val life = Job(test.backgroundScope.coroutineContext[Job])
        private val clock = Clock.fixed(NOW, ZoneOffset.UTC)
        val app =
            CourierApp(test.backgroundScope + life, device, kept, ::list, clock) { account ->
                Phone(account, device, test.backgroundScope + life, clock, test.testScheduler.timeSource) {
                    cannotStart?.let { throw it }
                    config = it
                    if (sdk.isClosed) sdk = FakeDoorstep()
                    sdk.doorstep
                }
            }

        @Suppress("RedundantSuspendModifier")
        private suspend fun list(account: Account): List<Order> {
            asks += 1
            check(account.server == SERVER)
            refusal?.let { throw it }
            return listed
        }

        fun settle() = test.runCurrent()

        inline fun <reified S : Screen> on(): S {
            settle()
            return assertIs<S>(app.screen.value)
        }

        val call: CallView get() = on<Screen.Call>().call

        fun signedIn(): Stage {
            kept.account = Account(SERVER, "anna", token())
            app.start()
            app.visible(true)
            settle()
            return this
        }

        fun onOrder(id: String = "4711"): Stage {
            app.open(on<Screen.Orders>().orders.orEmpty().first { it.id == id })
            return this
        }

        /** The courier has called, and this is the call. */
        fun calling(): FakeCall {
            signedIn().onOrder().app.contact()
            settle()
            return sdk.calls.single()
        }
    }

    private fun order(
        id: String,
        closes: String,
        label: String? = null,
    ) = Order(id, label, Instant.parse(closes))

    private fun test(block: suspend TestScope.(Stage) -> Unit) = runTest { block(Stage(this)) }

    @Test
    fun `what is typed wrong is marked, and stays`() =
        test { stage ->
            stage.app.start()
            stage.app.signIn("calls.example.com", "anna", "")
            val screen = stage.on<Screen.SignIn>()
            assertEquals(mapOf(Field.Server to Word.ServerNotSecure, Field.Token to Word.TokenMissing), screen.errors)
            assertEquals("calls.example.com" to "anna", screen.server to screen.courier)
            assertEquals(0, stage.asks)
        }

    @Test
    fun `signing in asks the server, keeps the account and shows the orders`() =
        test { stage ->
            stage.app.start()
            stage.app.signIn(SERVER, "anna", token())
            assertTrue(assertIs<Screen.SignIn>(stage.app.screen.value).isBusy)
            stage.app.signIn(SERVER, "anna", token())
            val screen = stage.on<Screen.Orders>()
            assertEquals(1, stage.asks)
            assertEquals("anna", stage.kept.account?.courier)
            assertEquals(SERVER, stage.config.gateway)
            assertEquals(token(), stage.config.tokens())
            assertEquals(LineStatus.Reachable, screen.status)
            val rows =
                listOf(OrderRow("4711", "Pizza", "Until 18:30", true), OrderRow("12", "Order 12", "Until tomorrow, 09:00", true))
            assertEquals(rows, screen.orders)
        }

    @Test
    fun `a server that refuses leaves the courier at the fields, with the reason`() =
        test { stage ->
            stage.app.start()
            val trouble = Trouble(Word.Refused, Word.RefusedAdvice)
            stage.refusal = NoOrders(trouble, isSignedOut = true)
            stage.app.signIn(SERVER, "anna", token())
            val screen = stage.on<Screen.SignIn>()
            assertEquals(Screen.SignIn(SERVER, "anna", trouble = trouble), screen)
            assertNull(stage.kept.account)
        }

    @Test
    fun `an SDK that cannot start says why, at sign-in and at the app's start`() =
        test { stage ->
            stage.cannotStart = DoorstepError.Platform()
            stage.app.start()
            stage.app.signIn(SERVER, "anna", token())
            val trouble = stage.on<Screen.SignIn>().trouble
            assertEquals("Restart the device and try again.", trouble?.advice)
            stage.kept.account = Account(SERVER, "anna", token())
            stage.app.start()
            assertEquals(trouble, stage.on<Screen.SignIn>().trouble)
        }

    @Test
    fun `a token that has run out meanwhile is not shown to the server any more`() =
        test { stage ->
            stage.signedIn()
            stage.kept.account = Account(SERVER, "anna", token(expires = NOW.minusSeconds(1)))
            stage.app.close()
            stage.app.start()
            assertFailsWith<dev.doorstep.SignedOutException> { stage.config.tokens() }
            stage.sdk.set(Reachability.Failed(EndReason.Unauthorized))
            assertEquals(LineStatus.SignedOut, stage.on<Screen.Orders>().status)
        }

    @Test
    fun `the list is kept fresh while somebody looks, and what was known stays when it fails`() =
        test { stage ->
            stage.signedIn()
            assertEquals(1, stage.asks)
            stage.listed = emptyList()
            advanceTimeBy(30.seconds)
            assertEquals(emptyList(), stage.on<Screen.Orders>().orders)
            stage.listed = listOf(order("5", "2026-12-01T08:05:00Z"))
            stage.app.refresh()
            assertEquals("Until Tue 1 Dec, 08:05", stage.on<Screen.Orders>().orders?.single()?.until)
            stage.refusal = NoOrders(Trouble(Word.NoServer, Word.NoServerAdvice))
            stage.app.refresh()
            val failed = stage.on<Screen.Orders>()
            assertEquals(Word.NoServer.text to 1, failed.trouble?.what to failed.orders?.size)
            assertFalse(failed.isLoading)
            stage.app.visible(false)
            val before = stage.asks
            advanceTimeBy(300.seconds)
            assertEquals(before, stage.asks)
        }

    @Test
    fun `a refused list means signing in again`() =
        test { stage ->
            stage.signedIn()
            stage.refusal = NoOrders(Trouble(Word.Refused, Word.RefusedAdvice), isSignedOut = true)
            stage.app.refresh()
            assertEquals(LineStatus.SignedOut, stage.on<Screen.Orders>().status)
            stage.onOrder()
            assertFalse(stage.on<Screen.OrderDetails>().canContact)
        }

    @Test
    fun `an order that is gone from the list is closed`() =
        test { stage ->
            stage.signedIn().onOrder()
            assertTrue(stage.on<Screen.OrderDetails>().canContact)
            stage.listed = emptyList()
            stage.app.refresh()
            val screen = stage.on<Screen.OrderDetails>()
            assertFalse(screen.canContact)
            assertEquals("Closed" to Word.OrderClosed.text, screen.order.until to screen.trouble?.what)
            stage.app.back()
            stage.on<Screen.Orders>()
        }

    @Test
    fun `a call from the press to its end`() =
        test { stage ->
            val call = stage.calling()
            assertEquals(listOf<OrderId?>(OrderId("4711")), stage.sdk.calls.map { it.order })
            assertEquals(CallView("Pizza", CallStage.Setup, "Connecting …", onSpeaker = false), stage.call)
            call.ring()
            assertEquals("Ringing …", stage.call.status)
            call.answer()
            assertEquals("00:00" to CallStage.Talking, stage.call.status to stage.call.stage)
            advanceTimeBy(61.seconds)
            assertEquals("01:01", stage.call.status)
            advanceTimeBy(3600.seconds)
            assertEquals("1:01:01", stage.call.status)
            call.loseConnection()
            assertEquals("Connection lost, trying again …", stage.call.status)
            assertFalse(stage.call.canHold)
            call.regainConnection()
            assertEquals("1:01:01", stage.call.status)
            stage.app.hangUp()
            val ended = stage.call
            assertEquals("You ended the call" to CallStage.Ended, ended.status to ended.stage)
            assertTrue(ended.canCallAgain)
            assertNull(ended.onSpeaker)
            stage.app.closeCall()
            assertEquals("4711", stage.on<Screen.OrderDetails>().order.id)
        }

    @Test
    fun `what cannot be called says why`() =
        test { stage ->
            stage.signedIn().onOrder()
            stage.sdk.refuseCalls(DoorstepError.TooBusy())
            stage.app.contact()
            val screen = stage.on<Screen.OrderDetails>()
            assertEquals(Trouble("The app is too busy.", "Try again in a moment."), screen.trouble)
            assertTrue(screen.canContact)
        }

    @Test
    fun `two taps are one call`() =
        test { stage ->
            stage.signedIn().onOrder()
            stage.app.contact()
            assertFalse(assertIs<Screen.OrderDetails>(stage.app.screen.value).canContact)
            stage.app.contact()
            assertEquals(CallStage.Setup, stage.call.stage)
            assertEquals(listOf<OrderId?>(OrderId("4711")), stage.sdk.calls.map { it.order })
        }

    @Test
    fun `mute, hold, speaker and keypad`() =
        test { stage ->
            val call = stage.calling()
            assertFalse(stage.call.canMute || stage.call.canHold || stage.call.canSendKeys)
            stage.app.mute()
            stage.app.hold()
            stage.settle()
            assertEquals(emptyList(), call.actions)
            call.answer()
            stage.app.mute()
            assertTrue(stage.call.isMuted)
            stage.app.mute()
            assertFalse(stage.call.isMuted)
            stage.app.hold()
            assertTrue(stage.call.isHeld && !stage.call.canSendKeys)
            assertEquals("On hold · 00:00", stage.call.status)
            stage.app.hold()
            stage.settle()
            call.hold(true)
            assertEquals(Word.StateHeldByCustomer.text, stage.call.status)
            call.hold(false)
            stage.app.speaker()
            assertEquals(true, stage.call.onSpeaker)
            stage.app.keypad()
            assertTrue(stage.call.isKeypadShown)
            "12#".forEach(stage.app::key)
            assertEquals("12#", stage.call.keys)
            val switched = listOf(FakeCall.Action.Mute(true), FakeCall.Action.Mute(false), FakeCall.Action.Hold(true), FakeCall.Action.Hold(false))
            assertEquals(switched + listOf("1", "2", "#").map(FakeCall.Action::SendDtmf), call.actions)
        }

    @Test
    fun `what a call refuses is told on its screen, at once or later`() =
        test { stage ->
            val call = stage.calling()
            call.answer()
            stage.app.key('x')
            assertEquals("This key cannot be sent. Use the digits, * and #.", stage.call.notice)
            assertEquals("", stage.call.keys)
            stage.app.mute()
            assertNull(stage.call.notice)
            call.refuse(DoorstepError.TooManyDigits())
            assertEquals("Too many keys were pressed at once. Try again in a moment.", stage.call.notice)
            call.hangUp()
            stage.app.mute()
            assertNull(stage.call.notice)
        }

    @Test
    fun `a device without sound is told of`() =
        test { stage ->
            stage.calling().answer()
            stage.device.soundNotice.value = Word.NoMicrophone.text
            assertEquals(Word.NoMicrophone.text, stage.call.notice)
        }

    @Test
    fun `the bars are those of the last measurement, and none while the call is held`() =
        test { stage ->
            val call = stage.calling()
            call.answer()
            assertNull(stage.call.quality)
            call.measure(packetsReceived = 100u, packetsLost = 0u, jitter = 5.milliseconds, roundTrip = 60.milliseconds)
            assertEquals(LineQuality.Good, stage.call.quality)
            call.measure(packetsReceived = 180u, packetsLost = 20u, jitter = 5.milliseconds, roundTrip = 60.milliseconds)
            assertEquals(LineQuality.Bad, stage.call.quality)
            stage.app.hold()
            assertNull(stage.call.quality)
        }

    @Test
    fun `an incoming call is shown wherever the courier is`() =
        test { stage ->
            stage.signedIn().app.openReachability()
            val call = stage.sdk.ring(OrderId("4711"), "Pizza, Anna Schmidt")
            assertEquals(CallStage.Incoming to "Pizza, Anna Schmidt", stage.call.stage to stage.call.title)
            stage.app.answer()
            assertEquals("00:00", stage.call.status)
            call.hangUp()
            assertEquals("The call was ended by the other side", stage.call.status)
            stage.app.closeCall()
            stage.on<Screen.Reachability>()
        }

    @Test
    fun `a declined call, and one without a label`() =
        test { stage ->
            stage.signedIn()
            stage.sdk.ring()
            assertEquals("Customer", stage.call.title)
            stage.app.decline()
            assertEquals("You declined the call", stage.call.status)
            stage.app.closeCall()
            stage.on<Screen.Orders>()
        }

    @Test
    fun `a call that rings in another call comes first, and the other comes back after it`() =
        test { stage ->
            val first = stage.calling()
            first.answer()
            val second = stage.sdk.ring(OrderId("12"), "Sushi")
            assertEquals("Sushi" to CallStage.Incoming, stage.call.title to stage.call.stage)
            second.hangUp()
            assertEquals("Pizza" to CallStage.Talking, stage.call.title to stage.call.stage)
            first.hangUp()
            assertEquals(CallStage.Ended, stage.call.stage)
            stage.app.closeCall()
            stage.settle()
            stage.app.closeCall()
            stage.on<Screen.OrderDetails>()
        }

    @Test
    fun `calling again calls the same order, but not where it cannot help`() =
        test { stage ->
            val call = stage.calling()
            call.end(EndReason.Busy)
            assertTrue(stage.call.canCallAgain)
            stage.app.callAgain()
            assertEquals("Pizza" to CallStage.Setup, stage.call.title to stage.call.stage)
            assertEquals(listOf<OrderId?>(OrderId("4711"), OrderId("4711")), stage.sdk.calls.map { it.order })
            stage.sdk.calls.last().end(EndReason.NotYourOrder)
            assertFalse(stage.call.canCallAgain)
            assertEquals("This order is with another courier", stage.call.status)
        }

    @Test
    fun `reachability tells the line and the device, and mends what can be`() =
        test { stage ->
            stage.signedIn()
            stage.app.openReachability()
            assertEquals(Word.AllWell, stage.on<Screen.Reachability>().summary)
            val microphone = Check(Word.CheckMicrophone.text, "Not allowed", canMend = true)
            stage.device.found += microphone
            stage.app.checkAgain()
            assertEquals(Word.SomeTrouble, stage.on<Screen.Reachability>().summary)
            stage.app.mend(microphone)
            assertEquals(Word.AllWell, stage.on<Screen.Reachability>().summary)
            stage.sdk.set(Reachability.Failed(EndReason.NotAllowed))
            assertEquals(Word.NotReachable.text, stage.on<Screen.Reachability>().checks.first().trouble)
        }

    @Test
    fun `signing out unregisters, forgets the token and keeps the address`() =
        test { stage ->
            stage.signedIn().app.signOut()
            assertTrue(assertIs<Screen.SignIn>(stage.app.screen.value).isBusy)
            assertEquals(Screen.SignIn(SERVER, "anna"), stage.on<Screen.SignIn>())
            assertTrue(stage.sdk.isSignedOut)
            assertNull(stage.kept.account)
        }

    @Test
    fun `closing the app keeps the courier registered`() =
        test { stage ->
            stage.signedIn().app.close()
            assertTrue(stage.sdk.isClosed && !stage.sdk.isSignedOut)
            assertEquals("anna", stage.kept.account?.courier)
        }

    @Test
    fun `taps that come late do nothing`() =
        test { stage ->
            stage.signedIn()
            stage.app.run {
                answer()
                decline()
                hangUp()
                mute()
                hold()
                speaker()
                keypad()
                key('1')
                callAgain()
                closeCall()
                contact()
                open(OrderRow("none", "none", "", true))
            }
            stage.on<Screen.Orders>()
            assertEquals(emptyList(), stage.sdk.calls)
        }
}
