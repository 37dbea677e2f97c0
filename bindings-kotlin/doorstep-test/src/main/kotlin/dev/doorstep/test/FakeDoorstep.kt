package dev.doorstep.test

import dev.doorstep.CallState
import dev.doorstep.ConnectionState
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.OrderId
import dev.doorstep.PushTarget
import dev.doorstep.Reachability
import kotlinx.coroutines.flow.SharedFlow
import java.util.UUID
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The SDK for an app's own tests and previews: the app uses [doorstep] as always, and the test plays the gateway and the customer. No
 * network, no native library, no waiting: what the test does has happened when it returns. All of it may be used from any thread.
 *
 * ```kotlin
 * val fake = FakeDoorstep()
 * val screen = OrderScreen(fake.doorstep)            // the app's own
 * screen.contactCustomerTapped()
 * val call = fake.calls.last()
 * call.ring()
 * call.answer()
 * assertEquals("Talking", screen.title)
 * ```
 */
public class FakeDoorstep(
    connection: ConnectionState = ConnectionState.Connected,
    reachability: Reachability = Reachability.Reachable,
) {
    private val core = FakeCore(connection, reachability)

    /** What the app is given. */
    public val doorstep: Doorstep get() = core

    /** Every call so far, of the app's and of customers', those that are over included. */
    public val calls: List<FakeCall> get() = core.everyCall()

    /** Calls that the app places, as they come. */
    public val placed: SharedFlow<FakeCall> get() = core.placed

    /** The customer of an order calls. */
    public fun ring(
        order: OrderId? = null,
        label: String? = null,
    ): FakeCall = core.ring(newCallId(), order, label)

    /**
     * A push of the gateway's, as Firebase hands it over, for [Doorstep.handlePush]. It rings, unless a call of that name is there already,
     * or it is older than [expiresIn]; a negative one makes it stale.
     */
    public fun push(
        call: String = newCallId(),
        order: OrderId? = null,
        label: String? = null,
        expiresIn: Duration = 30.seconds,
    ): Map<String, String> = message(call, "incoming", expiresIn) + listOfNotNull(order?.let { "order" to it.value }, label?.let { "label" to it })

    /** The push that says that a call is over before anybody here took it. */
    public fun cancelPush(call: String): Map<String, String> = message(call, "cancel", 30.seconds)

    /** The connection comes or goes. */
    public fun set(connection: ConnectionState): Unit = core.set(connection)

    /** The courier becomes reachable or no longer is. */
    public fun set(reachability: Reachability): Unit = core.set(reachability)

    /** No connection can be made: [DoorstepEvent.ConnectFailed] with that text, and the next try waits. */
    public fun failToConnect(text: String): Unit = core.failToConnect(text)

    /** What the app's next calls to customers throw; null: nothing any more. */
    public fun refuseCalls(with: DoorstepError?) {
        core.refusal = with
    }

    /** Whether the app has said that it is in the background. */
    public val isInBackground: Boolean get() = core.isInBackground

    /** How often the app has said that the network changed. */
    public val networkChanges: Int get() = core.networkChanges

    /** Where the app wants its pushes. */
    public val pushTarget: PushTarget? get() = core.pushTarget

    /** Whether the app has signed out. */
    public val isSignedOut: Boolean get() = core.isSignedOut

    /** Whether the app has closed the SDK, by signing out or without. Its calls are over then, with [CallState.Ended]. */
    public val isClosed: Boolean get() = core.isClosed

    private companion object {
        fun newCallId() = UUID.randomUUID().toString()

        fun message(
            call: String,
            kind: String,
            expiresIn: Duration,
        ): Map<String, String> {
            val now = System.currentTimeMillis()
            return mapOf(
                "v" to "1",
                "kind" to kind,
                "call" to call,
                "sent_at" to "$now",
                "expires_at" to "${now + expiresIn.inWholeMilliseconds}",
            )
        }
    }
}
