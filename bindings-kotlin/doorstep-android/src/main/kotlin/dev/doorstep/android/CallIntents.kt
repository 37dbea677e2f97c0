package dev.doorstep.android

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import dev.doorstep.Call

/** What a notification's taps say. */
internal object CallIntents {
    const val SHOW = "dev.doorstep.SHOW"
    const val ANSWER = "dev.doorstep.ANSWER"
    const val DECLINE = "dev.doorstep.DECLINE"
    const val HANG_UP = "dev.doorstep.HANG_UP"
    val ALL = listOf(SHOW, ANSWER, DECLINE, HANG_UP)

    private const val CALL = "dev.doorstep.call"

    fun screen(
        context: Context,
        options: AndroidOptions,
        call: Long,
        action: String,
    ): Intent =
        Intent(context, options.screen)
            .setAction(action)
            .putExtra(CALL, call)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_NO_USER_ACTION)

    fun action(
        context: Context,
        call: Long,
        action: String,
    ): Intent = Intent(context, CallActions::class.java).setAction(action).putExtra(CALL, call)

    /** The call that an intent is about; null when it is about none. */
    fun call(intent: Intent?): Long? =
        try {
            intent?.takeIf { it.action in ALL && it.hasExtra(CALL) }?.getLongExtra(CALL, 0)
        } catch (_: RuntimeException) {
            // Another app's intent, with extras that cannot be read here.
            null
        }
}

/** The buttons of a notification that need no screen. */
public class CallActions : BroadcastReceiver() {
    override fun onReceive(
        context: Context,
        intent: Intent?,
    ) {
        val desk = Layers.desk ?: return
        val call = CallIntents.call(intent) ?: return
        when (intent?.action) {
            CallIntents.DECLINE, CallIntents.HANG_UP -> desk.hangUp(call)
            CallIntents.SHOW, CallIntents.ANSWER, null -> Unit
        }
    }
}

/** [Call.id] as Android's intents and bundles carry it. */
internal val Call.key: Long get() = id.toLong()
