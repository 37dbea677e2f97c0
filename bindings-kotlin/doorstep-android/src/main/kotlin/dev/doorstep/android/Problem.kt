package dev.doorstep.android

/**
 * What the phone did not let the SDK do. A call goes on as well as it can; none of these is thrown. [text] is for the courier, where there
 * is something to do about it, and else for the one who reads the log.
 */
public enum class Problem(
    public val text: String,
) {
    /** Telecom does not take the call (an emergency call, or a call that cannot be held): it rings without Telecom. */
    TelecomRefused("Android does not list this call among the phone's calls. It goes on without."),

    /** The phone has no Telecom, or does not let the app use it. */
    TelecomUnavailable("This phone does not let apps list their calls among its own. Calls go on without."),

    /** The call cannot be answered while another of the phone's calls goes on. It keeps ringing. */
    OtherCallNotHeld("Another call on this phone cannot be put on hold. End it, then answer."),

    /** The foreground service may not start: the push came with low priority, or the app is restricted. */
    ServiceNotAllowed("Android does not let the app run in the background. Allow it in the battery settings."),

    /** The user has turned notifications off, or those of calls. The phone rings, but shows nothing. */
    NotificationsBlocked("Notifications are off: calls ring, but are not shown. Turn them on in the settings."),

    /** Android refuses the notification as it is. */
    NotificationRefused("Android does not show the call's notification. Open the app to answer."),

    /** The user or Google Play has refused full-screen calls: they come as a banner. */
    FullScreenNotAllowed("Calls do not fill the locked screen. Allow full-screen notifications in the settings."),

    /** The user has not allowed the microphone. */
    MicrophoneNotAllowed("The microphone is not allowed: the customer cannot hear you. Allow it in the settings."),

    /** The call was answered where Android gives an app no microphone, as on a headset: it needs the app on the screen once. */
    MicrophoneInBackground("Open the app: Android gives it the microphone only then."),

    /** No sound has come from the microphone for two seconds, and starting it anew has not helped. */
    MicrophoneSilent("No sound comes from the microphone. Another app may use it, or it is switched off."),

    /** The speaker does not take sound, and starting it anew has not helped. */
    SpeakerFailed("The phone's speaker does not work for this app. Restart the phone."),

    /** The phone cancels no echo, or is known to do it wrongly; the SDK has no canceller of its own yet. */
    NoEchoCanceller("This phone cancels no echo. Use the earpiece or a headset."),

    /** Another way of the sound was not to be had. [DoorstepAndroid.routes] says how it goes. */
    RouteRefused("The phone does not send the sound there."),

    /** Changes of the network are not told: a call may take longer to move to another one. */
    NetworkNotWatched("Android does not tell of changes of the network."),

    /** The phone's own ringtone or vibration does not start. */
    RingerFailed("The phone does not ring. Look at it now and then."),

    /** The phone may sleep while a push is looked at. */
    SleepNotHeldOff("Android may put the phone to sleep while a call comes."),

    /** The activity of the options is not to be had: there is nothing to open from the notification. */
    ScreenNotFound("The call's screen is missing in the app."),

    /** What was asked for was not possible in the call's state: it was over, most likely. */
    CommandRefused("The call has changed meanwhile."),
}
