package dev.doorstep.android

import android.Manifest
import android.app.Notification
import android.app.NotificationManager
import android.content.pm.ServiceInfo
import android.os.Build
import dev.doorstep.CallState
import dev.doorstep.EndReason
import org.junit.After
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowLooper
import java.util.concurrent.TimeUnit
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** An incoming call, from the ring to its end, as the user sees it outside of the app; without Telecom, which has tests of its own. */
@RunWith(RobolectricTestRunner::class)
class IncomingCallTest {
    private lateinit var phone: Phone

    private fun phone(
        permissions: List<String> = Phone.EVERYTHING,
        options: AndroidOptions = AndroidOptions(telecom = false),
    ): Phone = Phone(options, permissions).start().also { phone = it }

    @After
    fun end() = phone.close()

    @Test
    fun `it rings from a foreground service of the type phoneCall alone`() {
        phone()
        phone.doorstep.rings()
        phone.settle()

        val shown = assertNotNull(phone.notification)
        assertEquals(CallNotifications.RING, shown.channelId)
        assertEquals("Order 4711", shown.title())
        assertTrue(shown.flags and Notification.FLAG_INSISTENT != 0, "it rings on")
        assertNotNull(phone.running)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL, phone.serviceTypes)
        }
    }

    @Test
    fun `the channel rings as a phone does`() {
        phone()
        val channel = phone.app.service<NotificationManager>().getNotificationChannel(CallNotifications.RING)
        assertEquals(NotificationManager.IMPORTANCE_HIGH, channel.importance)
        assertEquals(android.media.AudioAttributes.USAGE_NOTIFICATION_RINGTONE, channel.audioAttributes.usage)
        assertTrue(channel.shouldVibrate())
    }

    @Test
    fun `the notification answers by opening the screen, and declines without`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        val shown = assertNotNull(phone.notification)
        val screen = shadowOf(shown.contentIntent)
        assertTrue(screen.isActivityIntent)
        assertEquals(IncomingCallActivity::class.java.name, screen.savedIntent.component?.className)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            assertEquals(Notification.CallStyle::class.java.name, shown.style())
        } else {
            assertEquals(listOf("Decline", "Answer"), shown.actions.map { it.title.toString() })
            assertTrue(shadowOf(shown.actions[1].actionIntent).isActivityIntent)
            assertTrue(shadowOf(shown.actions[0].actionIntent).isBroadcastIntent)
        }
        phone.broadcast(CallIntents.action(phone.app, call.key, CallIntents.DECLINE))
        assertEquals(listOf("reject"), call.asked)
        assertNull(phone.running)
    }

    @Test
    fun `it fills the locked screen where that is allowed`() {
        phone()
        phone.allowFullScreen(true)
        phone.doorstep.rings()
        phone.settle()
        val whole = assertNotNull(assertNotNull(phone.notification).fullScreenIntent)
        assertEquals(CallIntents.SHOW, shadowOf(whole).savedIntent.action)
        assertFalse(Problem.FullScreenNotAllowed in phone.told)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
    fun `it comes as a banner where the screen may not be filled, and the app is told`() {
        phone()
        phone.allowFullScreen(false)
        phone.doorstep.rings()
        phone.settle()
        val shown = assertNotNull(phone.notification)
        assertNull(shown.fullScreenIntent)
        assertEquals(Notification.CallStyle::class.java.name, shown.style())
        assertTrue(Problem.FullScreenNotAllowed in phone.told)
    }

    @Test
    fun `the answer adds the microphone and asks the core`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
        assertEquals(CallState.Answering, call.state.value)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            val both = ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL or ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE
            assertEquals(both, phone.serviceTypes)
        }
        val shown = assertNotNull(phone.notification)
        assertEquals(CallNotifications.CALLS, shown.channelId, "it rings no longer")
        assertEquals(0, shown.flags and Notification.FLAG_INSISTENT)
    }

    @Test
    fun `answered twice it is answered once`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        phone.desk.answer(call.key)
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
    }

    @Test
    fun `without the microphone's permission it is answered, and says that nobody is heard`() {
        phone(permissions = Phone.EVERYTHING - Manifest.permission.RECORD_AUDIO)
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
        assertTrue(Problem.MicrophoneNotAllowed in phone.told)
        assertEquals(Problem.MicrophoneNotAllowed.text, assertNotNull(phone.notification).text())
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL, phone.serviceTypes)
        }
    }

    @Test
    fun `the permission that came during the call brings the microphone when the app is looked at`() {
        phone(permissions = Phone.EVERYTHING - Manifest.permission.RECORD_AUDIO)
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        call.active()
        phone.settle()
        shadowOf(phone.app).grantPermissions(Manifest.permission.RECORD_AUDIO)
        phone.desk.looked()
        phone.settle()
        assertTrue(phone.desk.foreground.hasMicrophone)
        assertNotEquals(Problem.MicrophoneNotAllowed.text, assertNotNull(phone.notification).text())
    }

    @Test
    fun `the end takes the notification, the service and the wake lock away`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        call.active()
        phone.settle()
        val service = assertNotNull(phone.running)
        call.ends(EndReason.HungUpThere)
        phone.settle()
        assertTrue(shadowOf(service).isStoppedBySelf)
        assertTrue(shadowOf(service).isForegroundStopped)
        assertEquals(emptyList(), phone.notifications)
        assertFalse(phone.isHeldAwake)
    }

    @Test
    fun `the phone is kept awake while it rings, for a bounded time`() {
        phone()
        phone.doorstep.rings()
        phone.settle()
        assertTrue(phone.isHeldAwake)
        ShadowLooper.idleMainLooper(Awake.RING_MS - 1_000, TimeUnit.MILLISECONDS)
        assertTrue(phone.isHeldAwake)
    }

    @Test
    fun `what is over before the service starts is shown to Android all the same`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settleWithoutServices()
        call.ends(EndReason.Cancelled)
        phone.settleWithoutServices()
        phone.settle()
        val service = assertNotNull(phone.lastService)
        // It was in the foreground, or it could not have left it.
        assertTrue(shadowOf(service).isForegroundStopped)
        assertTrue(shadowOf(service).isStoppedBySelf)
    }

    @Test
    fun `where the service may not start the notification stands alone`() {
        phone()
        phone.refuseServices = Phone.serviceNotAllowed()
        val call = phone.doorstep.rings()
        phone.settle()
        assertNull(phone.running)
        assertTrue(Problem.ServiceNotAllowed in phone.told)
        val shown = assertNotNull(phone.notification)
        assertEquals(CallNotifications.RING, shown.channelId)
        call.ends(EndReason.Cancelled)
        phone.settle()
        assertNull(phone.notification)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
    fun `a notification that stands alone without the whole screen has plain buttons`() {
        phone()
        phone.allowFullScreen(false)
        phone.refuseServices = Phone.serviceNotAllowed()
        phone.doorstep.rings()
        phone.settle()
        val shown = assertNotNull(phone.notification)
        // Android throws a CallStyle out here.
        assertNull(shown.style())
        assertEquals(2, shown.actions.size)
    }

    @Test
    fun `a service that may not enter the foreground is a reason, not a crash`() {
        phone()
        phone.refuseForeground = SecurityException("not this type")
        phone.doorstep.rings()
        phone.settle()
        assertTrue(Problem.ServiceNotAllowed in phone.told)
        assertNotNull(phone.notification)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.R)
    fun `an answer from the background goes on without the microphone and says so`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        phone.refuseServices = Phone.serviceNotAllowed()
        phone.desk.answer(call.key)
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
        assertNotNull(phone.running)
        assertTrue(Problem.MicrophoneInBackground in phone.told)
    }

    @Test
    fun `with notifications off it rings by itself`() {
        phone()
        shadowOf(phone.app.service<NotificationManager>()).setNotificationsEnabled(false)
        val call = phone.doorstep.rings()
        phone.settle()
        assertTrue(Problem.NotificationsBlocked in phone.told)
        assertTrue(phone.vibrates)
        call.ends(EndReason.Cancelled)
        phone.settle()
        assertFalse(phone.vibrates)
    }

    @Test
    fun `what nobody took leaves a notification`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        call.ends(EndReason.Cancelled)
        phone.settle()
        val missed = phone.notifications.single()
        assertEquals(CallNotifications.MISSED, missed.channelId)
        assertEquals("Order 4711", missed.title())
    }

    @Test
    fun `what was taken elsewhere leaves none`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        call.ends(EndReason.AnsweredElsewhere)
        phone.settle()
        assertEquals(emptyList(), phone.notifications)
    }

    @Test
    fun `what nobody ends is ended by the watchdog`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        ShadowLooper.idleMainLooper(Awake.RING_MS, TimeUnit.MILLISECONDS)
        phone.settle()
        assertEquals(listOf("reject"), call.asked)
        assertNull(phone.running)
    }

    @Test
    fun `the watchdog leaves an answered call alone`() {
        phone()
        val call = phone.doorstep.rings()
        phone.settle()
        phone.desk.answer(call.key)
        call.active()
        phone.settle()
        ShadowLooper.idleMainLooper(2 * Awake.RING_MS, TimeUnit.MILLISECONDS)
        phone.settle()
        assertEquals(listOf("answer"), call.asked)
        assertNotNull(phone.running)
    }

    @Test
    fun `a second call rings during the first and both end by themselves`() {
        phone()
        val first = phone.doorstep.rings("Order 1")
        phone.settle()
        phone.desk.answer(first.key)
        first.active()
        phone.settle()
        val second = phone.doorstep.rings("Order 2")
        phone.settle()
        assertEquals("Order 2", assertNotNull(phone.notification).title())
        phone.desk.hangUp(second.key)
        phone.settle()
        assertEquals(listOf("reject"), second.asked)
        assertEquals(listOf("answer"), first.asked)
        assertEquals("Order 1", assertNotNull(phone.notification).title())
        first.ends(EndReason.HungUpThere)
        phone.settle()
        assertNull(phone.running)
    }

    @Test
    fun `a call that rings again after the first is shown anew`() {
        phone()
        phone.doorstep.rings("Order 1").ends(EndReason.AnsweredElsewhere)
        phone.settle()
        phone.doorstep.rings("Order 2")
        phone.settle()
        assertEquals("Order 2", assertNotNull(phone.notification).title())
        assertNotNull(phone.running)
    }

    @Test
    fun `the label is private on the lock screen unless the app says otherwise`() {
        phone()
        phone.doorstep.rings()
        phone.settle()
        val shown = assertNotNull(phone.notification)
        assertEquals(Notification.VISIBILITY_PRIVATE, shown.visibility)
        assertEquals("Customer", shown.publicVersion.title())
    }

    @Test
    fun `closing the SDK takes everything away`() {
        phone()
        phone.doorstep.rings()
        phone.settle()
        phone.layer.close()
        phone.settle()
        assertNull(phone.running)
        assertEquals(emptyList(), phone.notifications)
        assertFalse(phone.isHeldAwake)
    }
}
