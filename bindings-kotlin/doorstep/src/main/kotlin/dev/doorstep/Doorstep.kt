package dev.doorstep

import dev.doorstep.core.Client
import dev.doorstep.core.ClientConfig
import dev.doorstep.core.DoorstepException
import dev.doorstep.core.Event
import dev.doorstep.core.EventListener
import dev.doorstep.core.PushInput
import dev.doorstep.core.startWoken
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import java.util.concurrent.CancellationException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicBoolean
import dev.doorstep.core.Call as CoreCall

/** An order as the company names it. */
@JvmInline
public value class OrderId(
    public val value: String,
)

/**
 * A courier's end of the line: one connection to the gateway, and the calls over it. Keep one for as long as the courier is signed
 * in. All functions may be called from any thread.
 *
 * ```kotlin
 * val doorstep = Doorstep.create(DoorstepConfig(gateway = url, tokens = { backend.courierToken() }))
 * val call = doorstep.contactCustomer(OrderId("4711"))
 * call.state.collect { … }
 * ```
 */
public class Doorstep private constructor(
    private val client: Client,
    private val sound: AudioLink?,
) : AutoCloseable {
    private val closed = AtomicBoolean()
    private val live = ConcurrentHashMap<ULong, Call>()
    private val callsNow = MutableStateFlow<List<Call>>(emptyList())
    private val incomingCalls = MutableSharedFlow<Call>(replay = 0, extraBufferCapacity = 16, BufferOverflow.DROP_OLDEST)
    private val connectionNow = MutableStateFlow(client.connection().toPublic())
    private val reachabilityNow = MutableStateFlow(client.registration().toPublic())
    private val subscription = client.subscribe(Listener())

    /** Every call that is not over, oldest first. */
    public val calls: StateFlow<List<Call>> = callsNow.asStateFlow()

    /** Calls that ring here, as they come. What has come before anybody collects is in [calls]. */
    public val incoming: SharedFlow<Call> = incomingCalls.asSharedFlow()

    /** The connection to the gateway. It comes back by itself. */
    public val connection: StateFlow<ConnectionState> = connectionNow.asStateFlow()

    /** Whether customers' calls reach this device. */
    public val reachability: StateFlow<Reachability> = reachabilityNow.asStateFlow()

    /**
     * Calls the customer of an order. Without a network the call waits for one; whatever stands against it (not your order, customer
     * busy) ends the call with a reason.
     *
     * @throws DoorstepError.ShutDown after [close] or [signOut]
     */
    public suspend fun contactCustomer(order: OrderId): Call = translated { adopt(client.contactCustomer(order.value)) }

    /**
     * Takes a push message, as Firebase hands it over.
     *
     * @return false when it is not for Doorstep: the app looks at it itself
     */
    public fun handlePush(data: Map<String, String>): Boolean {
        if (!isDoorstepPush(data)) return false
        translated { client.handlePush(PushInput.Fields(data)).close() }
        return true
    }

    /** Tells that the device has changed its network: calls move to it. */
    public suspend fun networkChanged(): Unit = translated { client.networkChanged() }

    /** Tells whether the app is in the background, where a push wakes it and no connection is kept up. */
    public suspend fun setBackground(on: Boolean): Unit = translated { client.setBackground(on) }

    /** Where pushes for this app go from now on; null: nowhere. */
    public suspend fun setPushTarget(target: PushTarget?): Unit = translated { client.setPushTarget(target?.toCore()) }

    /** The courier signs out: calls end, and no push wakes this device any more. */
    public suspend fun signOut() {
        translated { client.shutDown() }
        close()
    }

    /** The app is closed: calls end in the background, and a push will wake it. Again does nothing. */
    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        client.beginLeave()
        subscription.stop()
        subscription.close()
        live.values.forEach(Call::release)
        live.clear()
        callsNow.value = emptyList()
        client.close()
        sound?.close()
    }

    private fun adopt(core: CoreCall): Call {
        val id = core.id()
        val call = live.computeIfAbsent(id) { Call(core) }
        if (call.state.value is CallState.Ended) {
            live.remove(id)
        }
        list()
        return call
    }

    private fun list() {
        callsNow.value = live.toSortedMap().values.toList()
    }

    private inner class Listener : EventListener {
        override fun onEvent(event: Event) {
            when (event) {
                is Event.ConnectionChanged -> connectionNow.value = event.connection.toPublic()
                is Event.RegistrationChanged -> reachabilityNow.value = event.registration.toPublic()
                is Event.IncomingCall -> known(event.call.id)?.let(incomingCalls::tryEmit)
                is Event.CallChanged -> known(event.call.id)?.update(event.call)
                is Event.CallEnded -> ended(event)
                is Event.Closed -> connectionNow.value = ConnectionState.Offline
                is Event.DigitReceived -> live[event.id]?.digit(event.digit)
                is Event.QualityMeasured -> live[event.id]?.measured(event.quality)
                is Event.ConnectFailed, is Event.FirstAudio, is Event.Transfer, is Event.Refused, is Event.Push,
                is Event.Lagged,
                -> Unit
            }
        }

        private fun known(id: ULong): Call? = live[id] ?: client.call(id)?.let(::adopt)

        private fun ended(event: Event.CallEnded) {
            live.remove(event.id)?.end(event.end)
            list()
        }
    }

    public companion object {
        /**
         * Starts the SDK. Waits for nothing of the network.
         *
         * @throws DoorstepError.InvalidGateway when the URL is no `wss://` URL
         * @throws DoorstepError.InvalidRate when the audio device has a rate that cannot be used
         */
        public fun create(config: DoorstepConfig): Doorstep = start(config) { Client(it) }

        /**
         * Starts the SDK in an app that a push has started. The call rings before there is a connection.
         *
         * @return null when the push is not for Doorstep
         */
        public fun createWoken(
            config: DoorstepConfig,
            data: Map<String, String>,
        ): Doorstep? {
            if (!isDoorstepPush(data)) return null
            return start(config) {
                val woken = startWoken(it, PushInput.Fields(data))
                woken.push.close()
                woken.client
            }
        }

        private fun start(
            config: DoorstepConfig,
            client: (ClientConfig) -> Client,
        ): Doorstep =
            translated {
                val sound = (config.audio as? Audio.Device)?.let { AudioLink(it.device) }
                try {
                    Doorstep(client(config.toCore(sound)), sound)
                } catch (error: Exception) {
                    sound?.close()
                    throw error
                }
            }

        private fun isDoorstepPush(data: Map<String, String>): Boolean = "v" in data && "call" in data && "kind" in data
    }
}

/** The core's errors in the API's own words. */
internal inline fun <T> translated(block: () -> T): T =
    try {
        block()
    } catch (error: DoorstepException) {
        throw error.toPublic()
    } catch (error: CancellationException) {
        throw error
    } catch (_: IllegalStateException) {
        // A handle of the generated layer that was given back.
        throw DoorstepError.ShutDown()
    }
