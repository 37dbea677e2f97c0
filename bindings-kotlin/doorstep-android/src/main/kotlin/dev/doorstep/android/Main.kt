package dev.doorstep.android

import android.os.Handler
import android.os.Looper
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.asCoroutineDispatcher
import java.util.concurrent.Executor

/** The main thread: all of this layer's state lives there, as Telecom, services and activities do. */
internal object Main : Executor {
    private val handler = Handler(Looper.getMainLooper())

    val dispatcher: CoroutineDispatcher = asCoroutineDispatcher()

    override fun execute(task: Runnable) {
        handler.post(task)
    }

    /** At once when this is the main thread, and else soon. */
    fun run(task: () -> Unit) {
        if (Looper.myLooper() == Looper.getMainLooper()) task() else handler.post(task)
    }

    /** After so many milliseconds; the answer calls it off. */
    fun after(
        delayMs: Long,
        task: () -> Unit,
    ): AutoCloseable {
        val later = Runnable(task)
        handler.postDelayed(later, delayMs)
        return AutoCloseable { handler.removeCallbacks(later) }
    }
}
