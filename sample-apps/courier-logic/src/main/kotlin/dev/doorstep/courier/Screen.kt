package dev.doorstep.courier

/** What is on the screen: all that a platform needs to draw, and nothing that it has to decide. */
sealed interface Screen {
    data class SignIn(
        /** To begin with, where somebody was signed in before. */
        val server: String = "",
        val courier: String = "",
        val errors: Map<Field, Word> = emptyMap(),
        val trouble: Trouble? = null,
        val isBusy: Boolean = false,
    ) : Screen

    data class Orders(
        /** Null: not known yet. */
        val orders: List<OrderRow>?,
        val isLoading: Boolean,
        val trouble: Trouble?,
        val status: LineStatus,
    ) : Screen

    data class OrderDetails(
        val order: OrderRow,
        val status: LineStatus,
        /** What stands against calling, or went wrong when it was tried. */
        val trouble: Trouble?,
        val canContact: Boolean,
    ) : Screen

    /** Also [CallView.stage] `Incoming`. */
    data class Call(
        val call: CallView,
    ) : Screen

    data class Reachability(
        val checks: List<Check>,
    ) : Screen {
        val summary: Word get() = if (checks.all { it.trouble == null }) Word.AllWell else Word.SomeTrouble
    }
}

/** An order in a list. */
data class OrderRow(
    val id: String,
    val title: String,
    /** `Until 18:30`, or that it is closed. */
    val until: String,
    val isOpen: Boolean,
)

/** How it stands with the server. */
enum class LineStatus(
    val word: Word,
) {
    Reachable(Word.Reachable),
    Connecting(Word.Connecting),
    Offline(Word.Offline),
    NotReachable(Word.NotReachable),
    SignedOut(Word.SignedOut),
}

/** A call as it is drawn. */
data class CallView(
    val title: String,
    val stage: CallStage,
    /** `Ringing …`, `00:42`, why it ended. */
    val status: String,
    val isMuted: Boolean = false,
    val isHeld: Boolean = false,
    /** Null: the way of the sound cannot be chosen here. */
    val onSpeaker: Boolean? = null,
    /** Mute works from the start, hold and keypad once somebody has answered. */
    val canMute: Boolean = false,
    val canHold: Boolean = false,
    val canSendKeys: Boolean = false,
    val canCallAgain: Boolean = false,
    val isKeypadShown: Boolean = false,
    /** The keys pressed so far. */
    val keys: String = "",
    val quality: LineQuality? = null,
    /** What the courier should know: no microphone, a hold that did not work. */
    val notice: String? = null,
)

enum class CallStage {
    Incoming,
    Setup,
    Talking,
    Ended,
}

/** How well the line carries, in bars. */
enum class LineQuality(
    val bars: Int,
    val word: Word,
) {
    Bad(1, Word.QualityBad),
    Weak(2, Word.QualityWeak),
    Fair(3, Word.QualityFair),
    Good(4, Word.QualityGood),
}

/** One thing that a call needs. */
data class Check(
    val name: String,
    /** What is wrong; null: nothing. */
    val trouble: String?,
    /** Calls do not come, or nobody is heard; else they may come late. */
    val blocks: Boolean = true,
    /** Whether [Device.mend] can do something about it. */
    val canMend: Boolean = false,
)
