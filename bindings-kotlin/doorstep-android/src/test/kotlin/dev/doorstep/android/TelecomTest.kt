package dev.doorstep.android

import android.os.Build
import android.telecom.Connection
import android.telecom.DisconnectCause
import android.telecom.TelecomManager
import dev.doorstep.EndReason
import org.junit.After
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowTelecomManager
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

/** A call in the phone's own list: what cars and headsets see of it, and what they want. */
@RunWith(RobolectricTestRunner::class)
class TelecomTest {
    private val phone = Phone().start()
    private val telecom: ShadowTelecomManager = shadowOf(phone.app.service<TelecomManager>())

    @After
    fun end() = phone.close()

    private fun ringing(): Pair<FakeCall, Connection> {
        val call = phone.doorstep.rings()
        phone.settle()
        return call to assertNotNull(telecom.allowIncomingCall(telecom.lastIncomingCall))
    }

    @Test
    fun `whatever Telecom does, it rings`() {
        phone.doorstep.rings()
        phone.settle()
        assertEquals(CallNotifications.RING, assertNotNull(phone.notification).channelId)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `it is listed as the app's own and can be held`() {
        val (_, connection) = ringing()
        assertEquals(Connection.STATE_RINGING, connection.state)
        assertTrue(connection.connectionProperties and Connection.PROPERTY_SELF_MANAGED != 0)
        assertTrue(connection.connectionCapabilities and Connection.CAPABILITY_HOLD != 0)
        assertTrue(connection.audioModeIsVoip)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `no number is in the list`() {
        val (_, connection) = ringing()
        assertEquals(ANYBODY, connection.address)
        assertEquals("Order 4711", connection.callerDisplayName)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `refused by Telecom it rings on without`() {
        phone.doorstep.rings()
        phone.settle()
        telecom.denyIncomingCall(telecom.lastIncomingCall)
        phone.settle()
        assertTrue(Problem.TelecomRefused in phone.told)
        assertEquals(CallNotifications.RING, assertNotNull(phone.notification).channelId)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `a headset answers and the call is active`() {
        val (call, connection) = ringing()
        connection.onAnswer()
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
        call.active()
        phone.settle()
        assertEquals(Connection.STATE_ACTIVE, connection.state)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `a headset declines`() {
        val (call, connection) = ringing()
        connection.onReject()
        phone.settle()
        assertEquals(listOf("reject"), call.asked)
        assertEquals(DisconnectCause.REJECTED, connection.disconnectCause.code)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `a call of the SIM card holds it and gives it back`() {
        val (call, connection) = ringing()
        connection.onAnswer()
        phone.settle()
        call.active()
        phone.settle()
        connection.onHold()
        phone.settle()
        assertEquals(Connection.STATE_HOLDING, connection.state)
        connection.onUnhold()
        phone.settle()
        assertEquals(Connection.STATE_ACTIVE, connection.state)
        assertEquals(listOf("answer", "hold true", "hold false"), call.asked)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `its end is told, missed when nobody took it`() {
        val (call, connection) = ringing()
        call.ends(EndReason.Cancelled)
        phone.settle()
        assertEquals(Connection.STATE_DISCONNECTED, connection.state)
        assertEquals(DisconnectCause.MISSED, connection.disconnectCause.code)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `what is over before Telecom comes to it is not connected`() {
        val call = phone.doorstep.rings()
        phone.settle()
        val record = telecom.lastIncomingCall
        call.ends(EndReason.Cancelled)
        phone.settle()
        val connection = telecom.allowIncomingCall(record)
        assertTrue(connection == null || connection.state == Connection.STATE_DISCONNECTED)
    }

    @Test
    @Config(maxSdk = Build.VERSION_CODES.TIRAMISU)
    fun `a call to a customer is listed as dialled`() {
        phone.doorstep.dials()
        phone.settle()
        val connection = assertNotNull(telecom.allowOutgoingCall(telecom.lastOutgoingCall))
        assertEquals(Connection.STATE_DIALING, connection.state)
    }
}
