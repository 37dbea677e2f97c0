package dev.doorstep.android

/** A way that the sound can go. */
public data class AudioRoute(
    /** What the OS knows it by, while it is there. */
    val id: String,
    val kind: Kind,
    /** What the OS calls it, such as a headset's name; empty when it says nothing. */
    val name: String,
) {
    public enum class Kind { Earpiece, Speaker, WiredHeadset, Bluetooth, Other }
}

/** How the sound goes, and how it could. It is what the OS says, never what was asked for. */
public data class AudioRoutes(
    /** Null without a call. */
    val current: AudioRoute?,
    val available: List<AudioRoute>,
) {
    internal companion object {
        val None = AudioRoutes(null, emptyList())
    }
}
