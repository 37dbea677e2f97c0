package dev.doorstep.courier

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow

/** What only the platform knows and does. */
interface Device {
    /** Whether the sound goes to the loudspeaker; null: it cannot be chosen, or there is no call. */
    val onSpeaker: StateFlow<Boolean?>

    fun useSpeaker(on: Boolean)

    /** What is wrong with the sound, for the courier. */
    val soundNotice: StateFlow<String?>

    /** Permissions, settings and hardware that a call needs. */
    fun checks(): List<Check>

    /** Asks for the permission, or opens the page of the settings. */
    fun mend(check: Check)

    /** Nothing to choose and nothing in the way. */
    open class Plain : Device {
        override val onSpeaker: StateFlow<Boolean?> = MutableStateFlow(null)
        override val soundNotice: StateFlow<String?> = MutableStateFlow(null)

        override fun useSpeaker(on: Boolean) = Unit

        override fun checks(): List<Check> = emptyList()

        override fun mend(check: Check) = Unit
    }
}
