package dev.doorstep

import dev.doorstep.core.Client
import dev.doorstep.core.ClientConfig
import dev.doorstep.core.Event
import dev.doorstep.core.EventListener
import dev.doorstep.core.PushInput
import dev.doorstep.core.PushResult
import dev.doorstep.core.startWoken
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicBoolean
import dev.doorstep.core.Call as CoreHandle

/** The SDK over the core, whose state is the truth: nothing here decides anything. */
internal class CoreDoorstep private constructor(
    private val client: Client,
    private val sound: AudioLink?,
) : Doorstep {
    private val closed = AtomicBoolean()
    private val live = ConcurrentHashMap<ULong, CoreCall>()
    private val callsNow = MutableStateFlow<List<Call>>(emptyList())
    private val incomingCalls = MutableSharedFlow<Call>(replay = 0, extraBufferCapacity = 16, BufferOverflow.DROP_OLDEST)
    private val connectionNow = MutableStateFlow(client.connection().toPublic())
    private val reachabilityNow = MutableStateFlow(client.registration().toPublic())
    private val happened = MutableSharedFlow<DoorstepEvent>(replay = 0, extraBufferCapacity = 64, BufferOverflow.DROP_OLDEST)

    override val calls: StateFlow<List<Call>> = callsNow.asStateFlow()
    override val incoming: SharedFlow<Call> = incomingCalls.asSharedFlow()
    override val connection: StateFlow<ConnectionState> = connectionNow.asStateFlow()
    override val reachability: StateFlow<Reachability> = reachabilityNow.asStateFlow()
    override val events: SharedFlow<DoorstepEvent> = happened.asSharedFlow()

    private val subscription = client.subscribe(Listener())

    init {
        // A call that a push has begun is there before its event.
        client.calls().forEach(::adopt)
    }

    override suspend fun contactCustomer(order: OrderId): Call {
        var begun: Call? = null
        try {
            withContext(NonCancellable) { begun = translated { adopt(client.contactCustomer(order.value)) } }
            currentCoroutineContext().ensureActive()
        } catch (error: CancellationException) {
            withContext(NonCancellable) { begun?.let { runCatching { it.hangUp() } } }
            throw error
        }
        return begun ?: throw DoorstepError.ShutDown()
    }

    override fun handlePush(data: Map<String, String>): Boolean {
        if (!isDoorstepPush(data)) return false
        translated { client.handlePush(PushInput.Fields(data)).close() }
        return true
    }

    override suspend fun followPush(data: Map<String, String>): PushOutcome? {
        if (!isDoorstepPush(data)) return null
        return translated { client.handlePush(PushInput.Fields(data)).use { outcome(it.result()) } }
    }

    override suspend fun networkChanged(): Unit = translated { client.networkChanged() }

    override suspend fun setBackground(on: Boolean): Unit = translated { client.setBackground(on) }

    override suspend fun setReachable(on: Boolean): Unit = translated { client.setReachable(on) }

    override suspend fun setPushTarget(target: PushTarget?): Unit = translated { client.setPushTarget(target?.toCore()) }

    override suspend fun signOut() {
        translated { client.shutDown() }
        close()
    }

    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        client.beginLeave()
        subscription.stop()
        subscription.close()
        live.values.forEach { it.end(CallState.Ended(EndReason.Shutdown, EndReason.Shutdown.text)) }
        live.clear()
        callsNow.value = emptyList()
        connectionNow.value = ConnectionState.Offline
        reachabilityNow.value = Reachability.Off
        client.close()
        sound?.close()
    }

    /** The one call of this handle's number. */
    private fun adopt(handle: CoreHandle): CoreCall {
        val id = handle.id()
        val call = live.computeIfAbsent(id) { CoreCall(handle) }
        if (call.handle !== handle) handle.close()
        if (closed.get()) call.end(CallState.Ended(EndReason.Shutdown, EndReason.Shutdown.text))
        if (call.state.value is CallState.Ended) live.remove(id)
        list()
        return call
    }

    private fun known(id: ULong): CoreCall? = live[id] ?: client.call(id)?.let(::adopt)

    private fun list() = callsNow.update { if (closed.get()) emptyList() else live.toSortedMap().values.toList() }

    private fun outcome(result: PushResult): PushOutcome =
        when (result) {
            is PushResult.Call -> known(result.id)?.let { PushOutcome.Rings(it, result.known) } ?: PushOutcome.NoCall(EndReason.Expired)
            is PushResult.NoCall -> PushOutcome.NoCall(result.reason.toPublic())
        }

    private inner class Listener : EventListener {
        override fun onEvent(event: Event) {
            if (closed.get()) return
            try {
                heard(event)
            } catch (_: IllegalStateException) {
                // The SDK was closed meanwhile, and its handles with it.
            }
        }

        private fun heard(event: Event): Unit =
            when (event) {
                is Event.ConnectionChanged -> connectionNow.value = event.connection.toPublic()
                is Event.ConnectFailed -> tell(DoorstepEvent.ConnectFailed(event.text))
                is Event.RegistrationChanged -> reachabilityNow.value = event.registration.toPublic()
                is Event.IncomingCall -> known(event.call.id)?.let { incomingCalls.tryEmit(it) }.done()
                is Event.CallChanged -> known(event.call.id)?.refresh().done()
                is Event.CallEnded -> ended(event)
                is Event.Closed -> connectionNow.value = ConnectionState.Offline
                is Event.DigitReceived -> live[event.id]?.digit(event.digit).done()
                is Event.QualityMeasured -> live[event.id]?.measured(event.quality).done()
                is Event.FirstAudio -> of(event.id) { DoorstepEvent.FirstAudio(it) }
                is Event.Transfer -> of(event.id) { DoorstepEvent.Transfer(it, event.progress.toPublic()) }
                is Event.Refused -> of(event.id) { DoorstepEvent.Refused(it, event.error.toPublic()) }
                is Event.Push -> tell(DoorstepEvent.Push(event.callId, outcome(event.result)))
                is Event.Lagged -> lagged(event.missed)
            }

        private fun of(
            id: ULong,
            event: (Call) -> DoorstepEvent,
        ) = live[id]?.let { tell(event(it)) }.done()

        private fun ended(event: Event.CallEnded) {
            live.remove(event.id)?.end(event.end.toState())
            list()
        }

        /** What was missed shows in the state of the core. */
        private fun lagged(missed: ULong) {
            connectionNow.value = client.connection().toPublic()
            reachabilityNow.value = client.registration().toPublic()
            client.calls().forEach(::adopt)
            live.values.forEach { if (it.refresh()) live.remove(it.id) }
            list()
            tell(DoorstepEvent.Lagged(missed))
        }

        private fun tell(event: DoorstepEvent) = happened.tryEmit(event).done()

        private fun Any?.done() = Unit
    }

    companion object {
        fun create(config: DoorstepConfig): Doorstep = start(config) { Client(it) }

        fun createWoken(
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
                    CoreDoorstep(client(config.toCore(sound)), sound)
                } catch (error: Exception) {
                    sound?.close()
                    throw error
                }
            }

        private fun isDoorstepPush(data: Map<String, String>): Boolean = "v" in data && "call" in data && "kind" in data
    }
}
