package dev.doorstep.test

import dev.doorstep.CallState
import dev.doorstep.ConnectionState
import dev.doorstep.DoorstepError
import dev.doorstep.DoorstepEvent
import dev.doorstep.EndReason
import dev.doorstep.OrderId
import dev.doorstep.PushOutcome
import dev.doorstep.PushTarget
import dev.doorstep.Reachability
import dev.doorstep.TransferProgress
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import java.util.concurrent.CyclicBarrier
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

/** What an integrator's tests rely on: the fake behaves as the SDK does. */
class FakeDoorstepTest {
    private val fake = FakeDoorstep()
    private val doorstep = fake.doorstep
    private val collecting = CoroutineScope(Dispatchers.Unconfined)
    private val order = OrderId("4711")
    private val talking = CallState.Active(muted = false, held = false, heldByFarSide = false)

    @AfterEach
    fun stop() = collecting.cancel()

    private fun <T> heard(flow: Flow<T>): List<T> = mutableListOf<T>().also { list -> collecting.launch { flow.collect(list::add) } }

    @Test
    fun `a call of the app's goes through its states`() =
        runBlocking {
            val call = doorstep.contactCustomer(order)
            val states = heard(call.state)
            val script = fake.calls.last()
            assertEquals(order, script.order)
            script.ring()
            script.answer()
            call.mute(true)
            call.hold(true)
            script.hold(true)
            assertEquals(CallState.Active(muted = true, held = true, heldByFarSide = true), call.state.value)
            script.hangUp()
            assertEquals(listOf(CallState.Connecting, CallState.Ringing, talking), states.take(3))
            assertEquals(CallState.Ended(EndReason.HungUpThere, EndReason.HungUpThere.text), call.ended())
            assertEquals(listOf(FakeCall.Action.Mute(true), FakeCall.Action.Hold(true)), script.actions)
            assertEquals(emptyList(), doorstep.calls.value)
        }

    @Test
    fun `a customer rings and the app answers or declines`() =
        runBlocking {
            val incoming = heard(doorstep.incoming)
            val first = fake.ring(order, label = "Order 4711")
            val call = incoming.single()
            assertEquals("Order 4711", call.label)
            assertEquals(CallState.Incoming, call.state.value)
            call.answer()
            assertEquals(talking, first.state)
            assertFailsWith<DoorstepError.WrongState> { call.answer() }

            val second = fake.ring()
            doorstep.calls.value.last().reject(busy = true)
            assertEquals(EndReason.DeclinedHere, assertIs<CallState.Ended>(second.state).reason)
            assertEquals(listOf<FakeCall.Action>(FakeCall.Action.Reject(busy = true)), second.actions)
            assertEquals(listOf(call), doorstep.calls.value)
        }

    @Test
    fun `the call that is answered puts the other on hold`() =
        runBlocking {
            val first = fake.ring()
            val second = fake.ring()
            first.call.answer()
            second.call.answer()
            assertEquals(talking.copy(held = true), first.state)
            first.call.hold(false)
            assertEquals(talking, first.state)
            assertEquals(talking.copy(held = true), second.state)
        }

    @Test
    fun `a caller who gives up has cancelled`() {
        val ring = fake.ring()
        ring.hangUp()
        assertEquals(EndReason.Cancelled, assertIs<CallState.Ended>(ring.state).reason)
        ring.answer()
        ring.end(EndReason.Busy)
        assertEquals(EndReason.Cancelled, assertIs<CallState.Ended>(ring.state).reason, "what is over stays so")
    }

    @Test
    fun `the network comes and goes`() =
        runBlocking {
            val events = heard(doorstep.events)
            fake.failToConnect("The service does not answer")
            fake.set(Reachability.Failed(EndReason.Unauthorized))
            assertEquals(ConnectionState.Waiting, doorstep.connection.value)
            assertEquals(Reachability.Failed(EndReason.Unauthorized), doorstep.reachability.value)
            assertEquals(listOf<DoorstepEvent>(DoorstepEvent.ConnectFailed("The service does not answer")), events)
            val call = doorstep.contactCustomer(order)
            val script = fake.calls.last()
            script.answer()
            call.mute(true)
            script.loseConnection()
            assertEquals(CallState.Reconnecting, call.state.value)
            fake.set(ConnectionState.Connected)
            script.regainConnection()
            assertEquals(talking.copy(muted = true), call.state.value)
            script.end(EndReason.ConnectionLost, "The line broke.")
            assertEquals("The line broke.", call.ended().text)
        }

    @Test
    fun `what cannot be done is refused as by the SDK`() =
        runBlocking {
            fake.refuseCalls(DoorstepError.TooBusy())
            assertFailsWith<DoorstepError.TooBusy> { doorstep.contactCustomer(order) }
            fake.refuseCalls(null)
            val call = doorstep.contactCustomer(order)
            assertFailsWith<DoorstepError.WrongState> { call.hold(true) }
            assertFailsWith<DoorstepError.WrongState> { call.transfer(order) }
            assertFailsWith<DoorstepError.InvalidDigit> { call.sendDtmf("5x") }
            call.hangUp()
            assertFailsWith<DoorstepError.CallOver> { call.hangUp() }
            assertEquals(listOf<FakeCall.Action>(FakeCall.Action.HangUp), fake.calls.single().actions)
        }

    @Test
    fun `after signing out everything is over`() =
        runBlocking {
            val call = doorstep.contactCustomer(order)
            doorstep.signOut()
            assertTrue(fake.isSignedOut && fake.isClosed)
            assertEquals(EndReason.Shutdown, call.ended().reason)
            assertEquals(ConnectionState.Offline, doorstep.connection.value)
            assertFailsWith<DoorstepError.ShutDown> { doorstep.contactCustomer(order) }
            assertFailsWith<DoorstepError.ShutDown> { doorstep.networkChanged() }
            assertFailsWith<DoorstepError.ShutDown> { doorstep.handlePush(fake.push()) }
            assertIs<CallState.Ended>(fake.ring().state)
            doorstep.close()
        }

    @Test
    fun `what the app tells is written down`() =
        runBlocking {
            doorstep.setBackground(true)
            doorstep.networkChanged()
            doorstep.setPushTarget(PushTarget.fcm("project", "token"))
            doorstep.setReachable(false)
            assertTrue(fake.isInBackground)
            assertEquals(1, fake.networkChanges)
            assertEquals("token", fake.pushTarget?.token)
            assertEquals(Reachability.Off, doorstep.reachability.value)
        }

    @Test
    fun `pushes ring once and stale ones do not`() =
        runBlocking {
            val events = heard(doorstep.events)
            val push = fake.push("abc", order, "Order 4711")
            assertTrue(doorstep.handlePush(push))
            val call = doorstep.calls.value.single()
            assertEquals("abc", call.callId)
            assertEquals(order, call.order)
            assertEquals(PushOutcome.Rings(call, known = true), doorstep.followPush(push))
            call.hangUp()
            assertEquals(PushOutcome.NoCall(EndReason.HungUpHere), doorstep.followPush(push))
            assertEquals(PushOutcome.NoCall(EndReason.Expired), doorstep.followPush(fake.push(expiresIn = (-1).seconds)))
            assertEquals(PushOutcome.NoCall(EndReason.ProtocolError), doorstep.followPush(push - "expires_at"))
            assertEquals(DoorstepEvent.Push("abc", PushOutcome.Rings(call, known = false)), events.first())
            assertEquals(5, events.size)
            assertNull(doorstep.followPush(mapOf("chat" to "hello")), "another one's message")
        }

    @Test
    fun `a call is called off by push, before or after its own`() =
        runBlocking {
            doorstep.handlePush(fake.push("abc"))
            val call = doorstep.calls.value.single()
            assertEquals(PushOutcome.NoCall(EndReason.Cancelled), doorstep.followPush(fake.cancelPush("abc")))
            assertEquals(EndReason.Cancelled, call.ended().reason)
            doorstep.handlePush(fake.cancelPush("late"))
            assertEquals(PushOutcome.NoCall(EndReason.Cancelled), doorstep.followPush(fake.push("late")))
            doorstep.handlePush(fake.push("taken"))
            val taken = doorstep.calls.value.single()
            taken.answer()
            assertEquals(PushOutcome.Rings(taken, known = true), doorstep.followPush(fake.cancelPush("taken")))
            assertEquals(talking, taken.state.value)
        }

    @Test
    fun `keys, measurements and events reach the app`() =
        runBlocking {
            val events = heard(doorstep.events)
            val call = doorstep.contactCustomer(order)
            val script = fake.calls.last()
            script.answer()
            val keys = heard(call.digits)
            script.press("4#")
            assertEquals(listOf('4', '#'), keys)
            script.measure(packetsReceived = 50u, packetsLost = 1u)
            assertEquals(1uL, call.quality.value?.packetsLost)
            script.firstAudio()
            script.refuse(DoorstepError.TooManyDigits())
            call.transfer(OrderId("4712"))
            script.transfer(TransferProgress.Done)
            assertEquals(EndReason.Transferred, call.ended().reason)
            assertEquals(DoorstepEvent.FirstAudio(call), events[0])
            assertIs<DoorstepError.TooManyDigits>(assertIs<DoorstepEvent.Refused>(events[1]).error)
            assertEquals(DoorstepEvent.Transfer(call, TransferProgress.Done), events[2])
            script.firstAudio()
            assertEquals(3, events.size, "nothing is told of what is over")
        }

    @Test
    fun `calls that the app places are seen as they come`() =
        runBlocking {
            val placed = heard(fake.placed)
            // The customer answers from within the app's own request.
            collecting.launch { fake.placed.collect { it.answer() } }
            val call = doorstep.contactCustomer(order)
            assertEquals(talking, call.state.value)
            assertEquals(fake.calls, placed)
        }

    @Test
    fun `from many threads no call is lost and each has one end`() {
        val together = CyclicBarrier(8)
        val threads =
            List(8) {
                thread {
                    together.await()
                    repeat(100) { runBlocking { fake.ring().call.answer() } }
                    runBlocking { doorstep.contactCustomer(order) }
                }
            }
        threads.forEach(Thread::join)
        assertEquals(808, fake.calls.map { it.id }.distinct().size)
        assertEquals(1, fake.calls.count { (it.state as? CallState.Active)?.held == false })
        doorstep.close()
        assertTrue(fake.calls.all { it.state is CallState.Ended })
        assertEquals(emptyList(), doorstep.calls.value)
    }
}
