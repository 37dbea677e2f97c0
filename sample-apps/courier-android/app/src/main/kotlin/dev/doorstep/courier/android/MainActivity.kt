package dev.doorstep.courier.android

import android.Manifest
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.Window
import android.window.OnBackInvokedDispatcher
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** Draws the app's screen, whatever it is, while it is to be seen. */
abstract class ScreenActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
    private var watching: Job? = null
    private var shown: ScreenView<*>? = null

    internal val application get() = CourierApplication.of(this)
    internal val app: CourierApp get() = application.app

    /** What this activity does with a screen: [draw], or something else. */
    internal abstract fun show(screen: Screen)

    override fun onCreate(savedInstanceState: Bundle?) {
        requestWindowFeature(Window.FEATURE_NO_TITLE)
        super.onCreate(savedInstanceState)
    }

    override fun onStart() {
        super.onStart()
        application.device.activity = this
        watching = scope.launch { app.screen.collect(::show) }
    }

    override fun onResume() {
        super.onResume()
        // Perhaps back from the settings.
        app.checkAgain()
    }

    override fun onStop() {
        watching?.cancel()
        if (application.device.activity === this) application.device.activity = null
        super.onStop()
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        app.checkAgain()
    }

    /** The view that is there, when it is of the kind that is wanted; else a new one. */
    internal inline fun <reified V : ScreenView<*>> view(make: () -> V): V {
        (shown as? V)?.let { return it }
        return make().also {
            shown = it
            setContentView(it.view)
        }
    }
}

/** Sign-in, orders and reachability. */
class MainActivity : ScreenActivity() {
    private var hasOpenedCall = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, ::goBack)
        }
    }

    override fun onStart() {
        // A courier who comes back here in a call is led to it again.
        hasOpenedCall = false
        super.onStart()
        app.visible(true)
    }

    override fun onStop() {
        app.visible(false)
        super.onStop()
    }

    override fun show(screen: Screen) {
        when (screen) {
            is Screen.SignIn -> view { SignInView(this, app) }.show(screen)
            is Screen.Orders -> {
                view { OrdersView(this, app, ::askToSignOut) }.show(screen)
                askForNotifications()
            }
            is Screen.OrderDetails -> view { OrderView(this, app, ::contact) }.show(screen)
            is Screen.Reachability -> view { ReachabilityView(this, app) }.show(screen)
            is Screen.Call -> if (!hasOpenedCall) startActivity(Intent(this, CallActivity::class.java))
        }
        hasOpenedCall = screen is Screen.Call
    }

    /** The microphone is asked for when it is first needed. Refused, the courier hears the customer all the same. */
    private fun contact() {
        if (application.device.isAllowed(Manifest.permission.RECORD_AUDIO)) return app.contact()
        requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), CONTACT)
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        if (requestCode == CONTACT && grantResults.isNotEmpty()) app.contact()
    }

    /** Once: whoever refuses finds it on the reachability screen. */
    private fun askForNotifications() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return
        val kept = getPreferences(MODE_PRIVATE)
        if (application.device.isAllowed(Manifest.permission.POST_NOTIFICATIONS) || kept.getBoolean(ASKED, false)) return
        kept.edit().putBoolean(ASKED, true).apply()
        requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 0)
    }

    private fun askToSignOut() {
        AlertDialog
            .Builder(this)
            .setTitle(Word.SignOut.text)
            .setMessage(Word.SignOutQuestion.text)
            .setPositiveButton(Word.SignOut.text) { _, _ -> app.signOut() }
            .setNegativeButton(Word.Cancel.text, null)
            .show()
    }

    @Deprecated("Android 13 calls goBack itself", ReplaceWith("goBack()"))
    override fun onBackPressed() = goBack()

    private fun goBack() {
        when (app.screen.value) {
            is Screen.OrderDetails, is Screen.Reachability -> app.back()
            // The app stays, and reachable.
            is Screen.SignIn, is Screen.Orders, is Screen.Call -> moveTaskToBack(true)
        }
    }

    private companion object {
        const val CONTACT = 1
        const val ASKED = "asked for notifications"
    }
}
