package dev.doorstep

import dev.doorstep.core.DoorstepException
import dev.doorstep.core.LogLevel
import dev.doorstep.core.LogLine
import dev.doorstep.core.LogSink
import dev.doorstep.core.setLogSink

/**
 * The SDK's log, for the app's own. It holds no number, name, token or address: these are redacted where they are held.
 *
 * ```kotlin
 * DoorstepLog.send(DoorstepLog.Level.Info) { line -> Log.println(Log.INFO, line.part, line.text) }
 * ```
 */
public object DoorstepLog {
    /** How much is said. */
    public enum class Level {
        /** What went wrong. */
        Error,

        /** What may go wrong. */
        Warn,

        /** What happens. */
        Info,

        /** How. */
        Debug,
    }

    /** One line. */
    public data class Line(
        val level: Level,
        /** Which part of the SDK. */
        val part: String,
        /** What, with its values. */
        val text: String,
    )

    /**
     * Sends the log of all [Doorstep]s of this process from now on to [sink], from this level on. The sink is called on a thread of its own,
     * line by line; lines that come faster than it takes them are dropped, and what it throws is ignored.
     *
     * @return false when the log goes somewhere already: it is set once in a process
     */
    public fun send(
        level: Level,
        sink: (Line) -> Unit,
    ): Boolean =
        try {
            setLogSink(Sink(sink), LogLevel.entries[level.ordinal])
            true
        } catch (_: DoorstepException.WrongState) {
            false
        } catch (error: DoorstepException) {
            throw error.toPublic()
        }

    private class Sink(
        private val take: (Line) -> Unit,
    ) : LogSink {
        override fun log(line: LogLine) = take(Line(Level.entries[line.level.ordinal], line.target, line.message))
    }
}
