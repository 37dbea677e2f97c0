package dev.doorstep.android

import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.content.res.ColorStateList
import android.graphics.Color
import android.os.Build
import android.os.Bundle
import android.view.Gravity
import android.view.View
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.view.WindowManager
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView
import dev.doorstep.Call
import dev.doorstep.CallState
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * The call on the whole screen, over the lock screen: answer, decline; then hang up, mute, speaker. It is small on purpose, and stands in
 * until the app has one of its own ([AndroidOptions.screen]).
 */
public class IncomingCallActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Main.dispatcher)
    private var watch: Job? = null
    private var call: Call? = null

    private lateinit var name: TextView
    private lateinit var status: TextView
    private lateinit var answer: Button
    private lateinit var decline: Button
    private lateinit var mute: Button
    private lateinit var speaker: Button

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        showOverLock()
        val layer = Layers.current ?: return finish()
        setContentView(views(layer.options.texts))
        take(intent, layer)
        scope.launch { layer.desk.routes.collect { show() } }
    }

    override fun onNewIntent(intent: Intent?) {
        super.onNewIntent(intent)
        setIntent(intent)
        Layers.current?.let { take(intent, it) }
    }

    private fun showOverLock() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O_MR1) {
            setShowWhenLocked(true)
            setTurnScreenOn(true)
        } else {
            @Suppress("DEPRECATION") // Their successors are of Android 8.1.
            window.addFlags(WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED or WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON)
        }
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
    }

    private fun take(
        intent: Intent?,
        layer: AndroidLayer,
    ) {
        val desk = layer.desk
        val id = CallIntents.call(intent)
        val found = id?.let(desk::call) ?: desk.current()?.takeIf { it.state.value !is CallState.Ended }
        if (found == null) return finish()
        call = found
        if (intent?.action == CallIntents.ANSWER) answer()
        watch?.cancel()
        watch =
            scope.launch {
                found.state.collect { state ->
                    show()
                    if (state is CallState.Ended) Main.after(ENDED_MS) { finish() }
                }
            }
    }

    private fun answer() {
        val id = call?.key ?: return
        if (checkSelfPermission(android.Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED) {
            Layers.desk?.answer(id)
        } else {
            requestPermissions(arrayOf(android.Manifest.permission.RECORD_AUDIO), MICROPHONE)
        }
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        // Refused, the courier hears the customer all the same. No answer at all (the dialog was pushed aside) leaves it ringing.
        if (requestCode == MICROPHONE && grantResults.isNotEmpty()) call?.let { Layers.desk?.answer(it.key) }
    }

    private fun views(texts: Texts): View {
        name = text(NAME_SP)
        status = text(STATUS_SP)
        answer = button(texts.answer, Color.rgb(0x1b, 0x8a, 0x3e)) { answer() }
        decline = button(texts.decline, Color.rgb(0xc6, 0x28, 0x28)) { call?.let { Layers.desk?.hangUp(it.key) } }
        mute =
            button(texts.mute, null) {
                val state = call?.state?.value as? CallState.Active
                if (state != null) call?.let { Layers.desk?.mute(it.key, !state.muted) }
            }
        speaker = button(texts.speaker, null) { toggleSpeaker() }
        val column = LinearLayout(this)
        column.orientation = LinearLayout.VERTICAL
        column.gravity = Gravity.CENTER
        column.keepScreenOn = true
        column.fitsSystemWindows = true
        val edge = px(EDGE_DP)
        column.setPadding(edge, edge, edge, edge)
        for (view in listOf(name, status, answer, mute, speaker, decline)) {
            val place = LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT)
            place.topMargin = edge / 2
            column.addView(view, place)
        }
        return column
    }

    private fun text(size: Float) =
        TextView(this).apply {
            textSize = size
            gravity = Gravity.CENTER
        }

    private fun button(
        text: String,
        colour: Int?,
        tap: () -> Unit,
    ) = Button(this).apply {
        this.text = text
        minHeight = px(BUTTON_DP)
        if (colour != null) {
            backgroundTintList = ColorStateList.valueOf(colour)
            setTextColor(Color.WHITE)
        }
        setOnClickListener { tap() }
    }

    private fun show() {
        val layer = Layers.current ?: return finish()
        val call = call ?: return
        val state = call.state.value
        val texts = layer.options.texts
        val rings = state is CallState.Incoming
        val active = state is CallState.Active
        name.text = call.label ?: texts.customer
        status.text = texts.of(state)
        answer.visibility = if (rings) View.VISIBLE else View.GONE
        decline.visibility = if (state is CallState.Ended) View.GONE else View.VISIBLE
        decline.text = if (rings) texts.decline else texts.hangUp
        mute.visibility = if (active) View.VISIBLE else View.GONE
        mute.isActivated = (state as? CallState.Active)?.muted == true
        mute.alpha = if (mute.isActivated) PRESSED else 1f
        speaker.visibility = if (active) View.VISIBLE else View.GONE
        speaker.isActivated = layer.desk.routes.value.current?.kind == AudioRoute.Kind.Speaker
        speaker.alpha = if (speaker.isActivated) PRESSED else 1f
    }

    /** To the speaker and back to what is at the ear. */
    private fun toggleSpeaker() {
        val desk = Layers.desk ?: return
        val routes = desk.routes.value
        val ways = routes.available
        val wanted =
            if (routes.current?.kind == AudioRoute.Kind.Speaker) {
                listOf(AudioRoute.Kind.Bluetooth, AudioRoute.Kind.WiredHeadset, AudioRoute.Kind.Earpiece)
                    .firstNotNullOfOrNull { kind -> ways.find { it.kind == kind } }
            } else {
                ways.find { it.kind == AudioRoute.Kind.Speaker }
            }
        wanted?.let(desk::choose)
    }

    private fun px(dp: Int): Int = (dp * resources.displayMetrics.density).toInt()

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private companion object {
        const val MICROPHONE = 1
        const val ENDED_MS = 1_500L
        const val NAME_SP = 32f
        const val STATUS_SP = 18f
        const val EDGE_DP = 32
        const val BUTTON_DP = 64
        const val PRESSED = 0.5f
    }
}
