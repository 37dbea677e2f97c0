package dev.doorstep

/** Where pushes for this app go (RFC 8599). */
public class PushTarget(
    /** `fcm` or `apns`. */
    public val provider: String,
    /** FCM: the project's id; APNs: `TEAM.BUNDLE.voip`. */
    public val param: String,
    /** The device's token. */
    public val token: String,
) {
    /** FCM's target. */
    public companion object {
        /** The app's registration at Firebase: the project's id, and the token of this device. */
        public fun fcm(
            project: String,
            token: String,
        ): PushTarget = PushTarget("fcm", project, token)
    }
}

/** What came of a push. */
public sealed interface PushOutcome {
    /** It is about this call, which rings or goes on. */
    public data class Rings(
        val call: Call,
        /** The call was known before this push: nothing has changed. */
        val known: Boolean,
    ) : PushOutcome

    /** There is no call for it (it came late, twice, malformed, or says that the call is over): take it off the screen. */
    public data class NoCall(
        val reason: EndReason,
    ) : PushOutcome
}

internal fun PushTarget.toCore() = dev.doorstep.core.PushTarget(provider, param, token)
