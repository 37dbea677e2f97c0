package dev.doorstep.courier.android

import android.Manifest
import android.content.Intent
import android.media.AudioManager
import android.os.Build
import android.os.Bundle
import android.view.WindowManager
import dev.doorstep.courier.CallStage
import dev.doorstep.courier.Screen

/** A call, also over the lock screen: the SDK opens it for a call that comes in, [MainActivity] for one that the courier makes. */
class CallActivity : ScreenActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O_MR1) {
            setShowWhenLocked(true)
            setTurnScreenOn(true)
        } else {
            @Suppress("DEPRECATION") // Their successors are of Android 8.1.
            window.addFlags(WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED or WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON)
        }
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        volumeControlStream = AudioManager.STREAM_VOICE_CALL
        take(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        take(intent)
    }

    /** The courier has tapped "answer" on the notification. */
    private fun take(intent: Intent) {
        if (application.isAnswer(intent)) answer()
    }

    override fun show(screen: Screen) {
        if (screen is Screen.Call) view { CallScreenView(this, app, ::answer) }.show(screen) else finish()
    }

    /** The microphone is asked for when it is first needed; no answer to that question leaves the call ringing. */
    private fun answer() {
        if (application.device.isAllowed(Manifest.permission.RECORD_AUDIO)) return app.answer()
        requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), ANSWER)
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        if (requestCode == ANSWER && grantResults.isNotEmpty()) app.answer()
    }

    @Deprecated("a call is left by its buttons, or by the home button")
    @Suppress("MissingSuperCall")
    override fun onBackPressed() {
        val call = (app.screen.value as? Screen.Call)?.call
        if (call?.stage == CallStage.Ended) app.closeCall()
    }

    private companion object {
        const val ANSWER = 1
    }
}
