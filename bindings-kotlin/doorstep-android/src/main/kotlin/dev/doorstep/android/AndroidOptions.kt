package dev.doorstep.android

import android.R
import android.app.Activity
import android.net.Uri

/** How the SDK shows itself on the phone. */
public class AndroidOptions(
    /** Calls are among the phone's own: known to cars and headsets, and held when the SIM rings. Without, they only ring. */
    public val telecom: Boolean = true,
    /** Microphone and speaker are the phone's, whatever the configuration says of audio. */
    public val audio: Boolean = true,
    /** Shown over the lock screen; `singleTask`, and told what to do by an intent that [DoorstepAndroid.callOf] reads. */
    public val screen: Class<out Activity> = IncomingCallActivity::class.java,
    /** In the status bar: a white drawable of the app. */
    public val icon: Int = R.drawable.sym_call_incoming,
    /** The ringtone; null: the phone's own. It is set when the app first runs; later on the user decides. */
    public val ringtone: Uri? = null,
    /** The label (an order, perhaps a name) is also shown on a locked screen that hides what is private. */
    public val labelOnLockScreen: Boolean = false,
    /** A call that nobody took leaves a notification. */
    public val missedCalls: Boolean = true,
    /** `Build.MODEL` of phones whose echo canceller does harm, on top of those that the SDK knows. */
    public val withoutPlatformEcho: Set<String> = emptySet(),
    /** What the user reads. */
    public val texts: Texts = Texts(),
)

/** What the user reads, in the app's language. */
public class Texts(
    public val customer: String = "Customer",
    public val incomingCall: String = "Incoming call",
    public val connecting: String = "Connecting …",
    public val ringing: String = "Ringing …",
    public val ongoingCall: String = "Call",
    public val onHold: String = "On hold",
    public val reconnecting: String = "Connection lost, trying again …",
    public val missedCall: String = "Missed call",
    public val callEnded: String = "Call ended",
    public val answer: String = "Answer",
    public val decline: String = "Decline",
    public val hangUp: String = "Hang up",
    public val mute: String = "Mute",
    public val speaker: String = "Speaker",
    public val channelRinging: String = "Incoming calls",
    public val channelCalls: String = "Calls",
    public val channelMissed: String = "Missed calls",
)
