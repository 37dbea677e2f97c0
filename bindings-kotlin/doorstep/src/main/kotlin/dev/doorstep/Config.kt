package dev.doorstep

import dev.doorstep.core.AccessToken
import dev.doorstep.core.AudioChoice
import dev.doorstep.core.ClientConfig
import dev.doorstep.core.TokenException
import dev.doorstep.core.TokenProvider
import kotlinx.coroutines.CancellationException

/** What the SDK is told at its start. */
public class DoorstepConfig(
    /** `wss://HOST[:PORT]/PATH`. */
    public val gateway: String,
    /** Names this installation, the same at every start (a UUID); null: a new one each time, for trials. */
    public val installation: String? = null,
    /** Where pushes for this app go. */
    public val push: PushTarget? = null,
    /** Microphone and speaker. */
    public val audio: Audio = Audio.Silence,
    /** Keys (`sha256//BASE64`) of which the gateway must have one. */
    public val pins: List<String> = emptyList(),
    /** The pinned key is identity enough: for a gateway with a certificate of its own making. */
    public val pinsSuffice: Boolean = false,
    /** Whether customers' calls are to reach this device from the start; [Doorstep.setReachable] changes it. */
    public val reachable: Boolean = true,
    /**
     * Asks the company's backend for a token of the courier. May be slow and may throw: it is asked again after a while, unless it
     * throws [SignedOutException]. Never asked twice at the same time.
     */
    public val tokens: suspend () -> String,
)

/** Thrown by `tokens`: the courier is signed out, and asking again would not help. */
public class SignedOutException(
    message: String = "the courier is signed out",
) : Exception(message)

/** [link] stands for the device in the core, where there is one. */
internal fun DoorstepConfig.toCore(link: AudioLink?) =
    ClientConfig(
        gateway = gateway,
        tokens = Tokens(tokens),
        instance = installation,
        push = push?.toCore(),
        audio =
            when (val audio = audio) {
                is Audio.Device -> link?.let { AudioChoice.Port(it.port) } ?: AudioChoice.Silence
                is Audio.Silence -> AudioChoice.Silence
                is Audio.Tone -> AudioChoice.Tone(audio.hz)
                is Audio.Files -> AudioChoice.Files(audio.play, audio.record)
            },
        pins = pins,
        pinsSuffice = pinsSuffice,
        reachable = reachable,
    )

private class Tokens(
    private val ask: suspend () -> String,
) : TokenProvider {
    override suspend fun token(): AccessToken =
        try {
            AccessToken(ask(), null)
        } catch (error: CancellationException) {
            throw error
        } catch (_: SignedOutException) {
            throw TokenException.Denied()
        } catch (_: Exception) {
            throw TokenException.Unavailable()
        }
}
