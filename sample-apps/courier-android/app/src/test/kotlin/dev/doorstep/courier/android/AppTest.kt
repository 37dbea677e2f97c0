package dev.doorstep.courier.android

import android.Manifest
import android.app.Activity
import android.app.AlertDialog
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Build
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import com.google.firebase.messaging.RemoteMessage
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.courier.NoOrders
import dev.doorstep.courier.Order
import dev.doorstep.courier.OrderSource
import dev.doorstep.courier.Trouble
import dev.doorstep.courier.Word
import dev.doorstep.test.FakeDoorstep
import org.junit.After
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowAlertDialog
import java.io.File
import java.time.Instant
import java.util.Base64
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds

/** The app with the SDK's fake in the SDK's place. */
class FakedApplication : CourierApplication() {
    var sdk = FakeDoorstep()
    var listed = listOf(Order("4711", "Pizza Napoli, 2 boxes", SOON), Order("4712", LONG, SOON))
    var refusal: Trouble? = null

    override fun connect(config: DoorstepConfig): Doorstep {
        if (sdk.isClosed) sdk = FakeDoorstep()
        return sdk.doorstep
    }

    override fun orders() = OrderSource { refusal?.let { throw NoOrders(it) } ?: listed }

    companion object {
        val SOON: Instant = Instant.now().plusSeconds(600)
        const val LONG = "Grand Hotel Continental, room 1204, for Mr. Featherstonehaugh-Cholmondeley, deliver at the reception desk please"
    }
}

private const val SERVER = "wss://calls.example.com/ws"

/** The screens on Android, tapped. The pictures are left for a person to look at. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakedApplication::class, qualifiers = "w400dp-h800dp-xhdpi")
class AppTest {
    private val application = RuntimeEnvironment.getApplication() as FakedApplication
    private val opened = mutableListOf<ActivityController<*>>()

    @After
    fun end() = opened.forEach { it.close() }

    private fun settle() = shadowOf(Looper.getMainLooper()).idle()

    private fun <A : Activity> open(kind: Class<A>): A {
        val controller = Robolectric.buildActivity(kind).setup()
        opened += controller
        settle()
        return controller.get()
    }

    private fun allow(vararg permissions: String) = shadowOf(application).grantPermissions(*permissions)

    private fun all(view: View): List<View> =
        listOf(view) + if (view is ViewGroup) (0 until view.childCount).flatMap { all(view.getChildAt(it)) } else emptyList()

    private fun Activity.parts(): List<View> = all(window.decorView).filter { it.isShown }

    private fun Activity.texts(): List<String> = parts().filterIsInstance<TextView>().map { it.text.toString() }.filter(String::isNotEmpty)

    /** By its text, or by what it says to those who do not see it. */
    private fun Activity.find(words: String): View? =
        parts().filter { it.isClickable }.find { (it as? TextView)?.text?.toString() == words || it.contentDescription?.startsWith(words) == true }

    private fun Activity.tap(word: Word) = tap(word.text)

    private fun Activity.tap(words: String) {
        val part = assertNotNull(find(words), "nothing to tap says $words: ${texts()}")
        assertTrue(part.isEnabled, "$words is off")
        part.performClick()
        settle()
    }

    private fun token(): String {
        val claims = """{"sub":"anna","exp":${Instant.now().plusSeconds(3600).epochSecond}}"""
        return "e30.${Base64.getUrlEncoder().withoutPadding().encodeToString(claims.toByteArray())}.c2ln"
    }

    private fun signedIn(): MainActivity {
        allow(Manifest.permission.RECORD_AUDIO, Manifest.permission.POST_NOTIFICATIONS)
        val main = open(MainActivity::class.java)
        main.type(SERVER, "anna", token())
        main.tap(Word.SignIn)
        return main
    }

    private fun Activity.type(vararg texts: String) {
        parts().filterIsInstance<EditText>().zip(texts).forEach { (box, text) -> box.setText(text) }
    }

    /** The call's screen, which the app has asked for. */
    private fun callScreen(): CallActivity {
        settle()
        assertEquals(CallActivity::class.java.name, shadowOf(application).nextStartedActivity?.component?.className)
        return open(CallActivity::class.java)
    }

    private fun Activity.picture(name: String) {
        if (Build.VERSION.SDK_INT != Build.VERSION_CODES.UPSIDE_DOWN_CAKE) return
        val root = window.decorView
        val bitmap = Bitmap.createBitmap(root.width, root.height, Bitmap.Config.ARGB_8888)
        root.draw(Canvas(bitmap))
        val file = File(System.getProperty("courier.screenshots", "target/screenshots"), "$name.png")
        file.parentFile?.mkdirs()
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    @Test
    fun `what is typed wrong is told beside its field`() {
        val main = open(MainActivity::class.java)
        main.picture("sign-in")
        main.type("calls.example.com", "", "x")
        main.tap(Word.SignIn)
        main.picture("sign-in-wrong")
        assertTrue(main.texts().containsAll(listOf(Word.ServerNotSecure, Word.CourierMissing, Word.TokenMalformed).map { it.text }))
    }

    @Test
    fun `a server that refuses is told of`() {
        application.refusal = Trouble(Word.Refused, Word.RefusedAdvice)
        val main = signedIn()
        main.picture("sign-in-refused")
        assertTrue(Word.RefusedAdvice.text in main.texts())
        assertNotNull(main.find(Word.SignIn.text))
    }

    @Test
    fun `orders, one of them, and back`() {
        val main = signedIn()
        main.picture("orders")
        assertTrue(main.texts().containsAll(listOf("Pizza Napoli, 2 boxes", Word.Reachable.text)))
        main.tap("Grand Hotel")
        main.picture("order-long")
        main.tap(Word.Back)
        main.tap("Pizza")
        main.picture("order")
        @Suppress("DEPRECATION")
        main.onBackPressed()
        settle()
        application.listed = emptyList()
        main.tap(Word.Refresh)
        main.picture("orders-empty")
        assertTrue(Word.NoOrdersAbout.text in main.texts())
    }

    @Test
    fun `a call by its buttons`() {
        val main = signedIn()
        main.tap("Pizza")
        main.tap(Word.ContactCustomer)
        val screen = callScreen()
        val call = application.sdk.calls.single()
        call.ring()
        settle()
        assertTrue(Word.StateRinging.text in screen.texts())
        assertFalse(assertNotNull(screen.find(Word.Hold.text)).isEnabled)
        call.answer()
        settle()
        call.measure(packetsReceived = 100u, packetsLost = 0u, roundTrip = 60.milliseconds)
        settle()
        screen.picture("call")
        assertTrue(screen.texts().containsAll(listOf("00:00", Word.QualityGood.text)))
        screen.tap(Word.Mute)
        screen.tap(Word.Keypad)
        "12#".forEach { screen.tap(it.toString()) }
        screen.picture("call-keypad")
        assertTrue("12#" in screen.texts())
        screen.tap(Word.Hold)
        assertTrue(screen.texts().any { it.startsWith(Word.StateHeld.text) })
        screen.tap(Word.HangUp)
        screen.picture("call-ended")
        assertTrue(EndReason.HungUpHere.text in screen.texts())
        screen.tap(Word.Close)
        assertTrue(screen.isFinishing)
    }

    @Test
    fun `an incoming call, answered`() {
        signedIn()
        val call = application.sdk.ring(OrderId("4711"), "Pizza Napoli, 2 boxes")
        val screen = callScreen()
        screen.picture("incoming")
        assertTrue(screen.texts().containsAll(listOf("Pizza Napoli, 2 boxes", Word.IncomingCall.text)))
        screen.tap(Word.Answer)
        assertTrue("00:00" in screen.texts())
        call.hangUp()
        settle()
        assertNull(screen.find(Word.Mute.text))
    }

    @Test
    fun `the microphone is asked for when a call needs it, and refused the call is made all the same`() {
        val main = signedIn()
        shadowOf(application).denyPermissions(Manifest.permission.RECORD_AUDIO)
        main.tap("Pizza")
        main.tap(Word.ContactCustomer)
        assertEquals(emptyList(), application.sdk.calls)
        val asked = assertNotNull(shadowOf(main).lastRequestedPermission)
        assertEquals(listOf(Manifest.permission.RECORD_AUDIO), asked.requestedPermissions.toList())
        main.onRequestPermissionsResult(asked.requestCode, asked.requestedPermissions, intArrayOf(-1))
        settle()
        assertEquals(OrderId("4711"), application.sdk.calls.single().order)
    }

    @Test
    fun `reachability, and signing out after a question`() {
        val main = signedIn()
        main.tap(Word.Reachability)
        main.picture("reachability")
        assertTrue(main.texts().containsAll(listOf(Word.CheckServer, Word.CheckMicrophone, Word.CheckLockScreen).map { it.text }))
        main.tap(Word.Back)
        main.tap(Word.SignOut)
        ShadowAlertDialog.getLatestAlertDialog().getButton(AlertDialog.BUTTON_POSITIVE).performClick()
        settle()
        assertTrue(application.sdk.isSignedOut)
        assertEquals(SERVER, main.parts().filterIsInstance<EditText>().first().text.toString())
    }

    @Test
    fun `whoever was signed in is so again after the app's start, and a push rings`() {
        signedIn()
        application.app.close()
        application.app.start()
        settle()
        val service = Robolectric.buildService(PushService::class.java).create().get()
        service.onNewToken("a token")
        settle()
        assertEquals("a token", application.sdk.pushTarget?.token)
        service.onMessageReceived(RemoteMessage(mapOf("promotion" to "a free meal")))
        assertEquals(emptyList(), application.sdk.calls)
        service.onMessageReceived(RemoteMessage(application.sdk.push(order = OrderId("4711"), label = "Pizza")))
        settle()
        assertEquals("Pizza", application.sdk.calls.single().call.label)
    }

    @Test
    fun `every button says what it is`() {
        val main = signedIn()
        main.tap("Pizza")
        main.tap(Word.ContactCustomer)
        for (activity in listOf(main, callScreen())) {
            val nameless = activity.parts().filter { it.isClickable && it.contentDescription.isNullOrEmpty() && (it as? Button)?.text.isNullOrEmpty() }
            assertEquals(emptyList(), nameless)
        }
    }
}
