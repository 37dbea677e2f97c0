package dev.doorstep

import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow

/**
 * A courier's end of the line: one connection to the gateway, and the calls over it. Keep one for as long as the courier is signed
 * in. All functions may be called from any thread.
 *
 * ```kotlin
 * val doorstep = Doorstep.create(DoorstepConfig(gateway = url, tokens = { backend.courierToken() }))
 * val call = doorstep.contactCustomer(OrderId("4711"))
 * call.state.collect { … }
 * ```
 *
 * Cancelling a coroutine that waits ends the waiting, not what was asked for, except in [contactCustomer]. An interface, so that an app's
 * own tests can do without a network: `doorstep-test` has a fake. Members may be added in any version.
 */
public interface Doorstep : AutoCloseable {
    /** Every call that is not over, oldest first. */
    public val calls: StateFlow<List<Call>>

    /** Calls that ring here, as they come. What has come before anybody collects is in [calls]. */
    public val incoming: SharedFlow<Call>

    /** The connection to the gateway. It comes back by itself. */
    public val connection: StateFlow<ConnectionState>

    /** Whether customers' calls reach this device. */
    public val reachability: StateFlow<Reachability>

    /** What happens besides, in order: for logs, figures and the finer points of a screen. What comes before anybody collects is lost. */
    public val events: SharedFlow<DoorstepEvent>

    /**
     * Calls the customer of an order. Without a network the call waits for one; whatever stands against it (not your order, customer
     * busy) ends the call with a reason. When the coroutine is cancelled meanwhile, the call is hung up.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     * @throws DoorstepError.TooBusy when too much is asked at once
     */
    public suspend fun contactCustomer(order: OrderId): Call

    /**
     * Takes a push message, as Firebase hands it over. Returns at once; the call rings before there is a connection.
     *
     * @return false when it is not for Doorstep: the app looks at it itself
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public fun handlePush(data: Map<String, String>): Boolean

    /**
     * As [handlePush], and tells what came of it: for a layer that shows the call to the system before anything else. It takes moments and
     * waits for nothing of the network. The same push again changes nothing.
     *
     * @return null when it is not for Doorstep
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun followPush(data: Map<String, String>): PushOutcome?

    /**
     * Tells that the device has changed its network: calls move to it.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun networkChanged()

    /**
     * Tells whether the app is in the background, where a push wakes it and no connection is kept up.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun setBackground(on: Boolean)

    /**
     * Whether customers' calls are to reach this device: off after a shift, say. Calls go on.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun setReachable(on: Boolean)

    /**
     * Where pushes for this app go from now on; null: nowhere.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun setPushTarget(target: PushTarget?)

    /**
     * The courier signs out: calls end, no push wakes this device any more, and the SDK is closed. Waits until the gateway knows, for some
     * seconds at most.
     *
     * @throws DoorstepError.ShutDown after [close]: create the SDK again to sign out
     */
    public suspend fun signOut()

    /** The app is closed: calls end, and a push will wake it. Waits for nothing; again does nothing. */
    override fun close()

    public companion object {
        /**
         * Starts the SDK. Waits for nothing of the network.
         *
         * @throws DoorstepError.InvalidGateway when the URL is no `wss://` URL
         * @throws DoorstepError.InvalidPin when a pin cannot be read
         * @throws DoorstepError.InvalidRate when the audio device has a rate that cannot be used
         * @throws DoorstepError.Platform when the system gives no threads or certificates
         */
        public fun create(config: DoorstepConfig): Doorstep = CoreDoorstep.create(config)

        /**
         * Starts the SDK in an app that a push has started. The call rings before there is a connection: it is in [calls] at once.
         * [followPush] with the same data tells what came of it.
         *
         * @return null when the push is not for Doorstep
         * @throws DoorstepError as [create]
         */
        public fun createWoken(
            config: DoorstepConfig,
            data: Map<String, String>,
        ): Doorstep? = CoreDoorstep.createWoken(config, data)
    }
}

/** An order as the company names it. */
@JvmInline
public value class OrderId(
    public val value: String,
)
