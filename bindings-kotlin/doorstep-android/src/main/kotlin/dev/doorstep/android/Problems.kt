package dev.doorstep.android

import android.util.Log
import dev.doorstep.DoorstepError
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.asSharedFlow

/** Where problems go: to the app, and to the log, which says what kind of error it was but never its words. */
internal class Problems {
    private val told = MutableSharedFlow<Problem>(replay = KEPT, extraBufferCapacity = KEPT, BufferOverflow.DROP_OLDEST)

    val flow: SharedFlow<Problem> = told.asSharedFlow()

    fun tell(
        problem: Problem,
        cause: Throwable? = null,
    ) {
        Log.w(TAG, "$problem${cause?.let { " (${it.javaClass.simpleName})" }.orEmpty()}")
        told.tryEmit(problem)
    }

    /**
     * Does what the phone may refuse. Its services throw RuntimeExceptions of all kinds (SecurityException, IllegalStateException, a dead
     * service), and makers add their own: none may end the app.
     */
    inline fun <T> guard(
        problem: Problem,
        block: () -> T,
    ): T? =
        try {
            block()
        } catch (error: RuntimeException) {
            tell(problem, error)
            null
        }

    /** Asks the core for what it may refuse: a call can end at any moment. */
    inline fun <T> unlessRefused(
        otherwise: T,
        block: () -> T,
    ): T =
        try {
            block()
        } catch (error: DoorstepError) {
            tell(Problem.CommandRefused, error)
            otherwise
        }

    private companion object {
        /** So many a late collector still hears of. */
        const val KEPT = 16
    }
}

internal const val TAG = "Doorstep"
