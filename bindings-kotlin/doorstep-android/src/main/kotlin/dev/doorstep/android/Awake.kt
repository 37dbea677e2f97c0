package dev.doorstep.android

import android.content.Context
import android.os.PowerManager

/** Keeps the phone from sleeping, for a bounded time: a lock that is never given back ends by itself. */
internal class Awake(
    context: Context,
    private val problems: Problems,
) {
    private val power: PowerManager? = context.getSystemService(PowerManager::class.java)
    private val cpu = lock(PowerManager.PARTIAL_WAKE_LOCK, "doorstep:call")
    private val screen =
        power?.takeIf { it.isWakeLockLevelSupported(PowerManager.PROXIMITY_SCREEN_OFF_WAKE_LOCK) }
            ?.let { lock(PowerManager.PROXIMITY_SCREEN_OFF_WAKE_LOCK, "doorstep:ear") }

    private fun lock(
        level: Int,
        tag: String,
    ) = problems.guard(Problem.SleepNotHeldOff) { power?.newWakeLock(level, tag)?.apply { setReferenceCounted(false) } }

    val isHeld: Boolean get() = cpu?.isHeld == true

    /** At least for so long from now on. */
    fun hold(milliseconds: Long) {
        problems.guard(Problem.SleepNotHeldOff) { cpu?.acquire(milliseconds) }
    }

    fun release() {
        problems.guard(Problem.SleepNotHeldOff) { if (cpu?.isHeld == true) cpu.release() }
        atEar(false)
    }

    /** The screen goes dark when the phone is held to the ear, and comes back only away from it. */
    fun atEar(on: Boolean) {
        problems.guard(Problem.SleepNotHeldOff) {
            when {
                screen == null || screen.isHeld == on -> Unit
                on -> screen.acquire(CALL_MS)
                else -> screen.release(PowerManager.RELEASE_FLAG_WAIT_FOR_NO_PROXIMITY)
            }
        }
    }

    companion object {
        /** A push is looked at within moments; the network may take some seconds more. */
        const val PUSH_MS = 15_000L

        /** Longer than any call rings. */
        const val RING_MS = 150_000L

        /** Longer than any call lasts. */
        const val CALL_MS = 4 * 3_600_000L
    }
}
