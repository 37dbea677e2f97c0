package dev.doorstep.android

import android.Manifest
import android.app.ActivityManager
import android.app.NotificationManager
import android.app.usage.UsageStatsManager
import android.content.Context
import android.os.Build
import android.os.PowerManager
import dev.doorstep.EndReason
import dev.doorstep.PushTarget
import org.junit.After
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.days

/** What the report says stands between a customer's call and this phone. */
@RunWith(RobolectricTestRunner::class)
class ReachabilityTest {
    private val phone = Phone().start()

    @After
    fun end() = phone.close()

    private val kinds get() = phone.layer.inspection.report().obstacles.map { it.kind }

    private fun obstacle(kind: Obstacle.Kind): Obstacle? = phone.layer.inspection.report().obstacles.find { it.kind == kind }

    @Test
    fun `without a push token a closed app is not woken`() {
        assertTrue(Obstacle.Kind.NoPushTarget in kinds)
        phone.layer.pushTargetChanged(PushTarget("fcm", "project", "token"))
        assertFalse(Obstacle.Kind.NoPushTarget in kinds)
    }

    @Test
    fun `a phone without Google's services is told of`() {
        assertTrue(Obstacle.Kind.NoPlayServices in kinds)
        assertFalse(phone.layer.inspection.report().isReachable)
    }

    @Test
    fun `notifications that are off have a page of the settings`() {
        shadowOf(phone.app.service<NotificationManager>()).setNotificationsEnabled(false)
        val obstacle = assertNotNull(obstacle(Obstacle.Kind.NotificationsOff))
        assertTrue(obstacle.kind.blocks)
        assertNotNull(obstacle.settings)
    }

    @Test
    fun `a microphone that is not allowed is told of`() {
        assertFalse(Obstacle.Kind.MicrophoneNotAllowed in kinds)
        shadowOf(phone.app).denyPermissions(Manifest.permission.RECORD_AUDIO)
        assertTrue(Obstacle.Kind.MicrophoneNotAllowed in kinds)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
    fun `a screen that may not be filled has a page of the settings`() {
        assertNull(obstacle(Obstacle.Kind.FullScreenNotAllowed))
        phone.allowFullScreen(false)
        assertNotNull(assertNotNull(obstacle(Obstacle.Kind.FullScreenNotAllowed)).settings)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.P)
    fun `an app that is restricted in the background is told of`() {
        shadowOf(phone.app.service<ActivityManager>()).setBackgroundRestricted(true)
        assertTrue(Obstacle.Kind.BackgroundRestricted in kinds)
    }

    @Test
    @Config(minSdk = Build.VERSION_CODES.P)
    fun `an app that is rarely used is told of`() {
        val usage = phone.app.getSystemService(Context.USAGE_STATS_SERVICE) as UsageStatsManager
        shadowOf(usage).setCurrentAppStandbyBucket(UsageStatsManager.STANDBY_BUCKET_RARE)
        assertTrue(Obstacle.Kind.RarelyUsed in kinds)
    }

    @Test
    fun `saving battery is told of`() {
        val power = shadowOf(phone.app.service<PowerManager>())
        power.setIgnoringBatteryOptimizations(phone.app.packageName, true)
        assertFalse(Obstacle.Kind.BatteryOptimised in kinds)
        power.setIgnoringBatteryOptimizations(phone.app.packageName, false)
        assertTrue(Obstacle.Kind.BatteryOptimised in kinds)
    }

    @Test
    fun `a token grows old unless it is another one`() {
        var now = 1_000_000L
        val pushes = Pushes(phone.app) { now }
        pushes.target("one")
        now += 31.days.inWholeMilliseconds
        pushes.target("one")
        assertEquals(31.days, pushes.tokenAge())
        pushes.target("two")
        assertEquals(0.days, pushes.tokenAge())
        pushes.target(null)
        assertNull(pushes.tokenAge())
    }

    @Test
    fun `pushes of lowered priority are told of, and what came of the last one`() {
        phone.layer.pushComes(mapOf("call" to "c1", "sent_at" to "${System.currentTimeMillis() - 500}"))
        phone.layer.pushes.priorities(sent = 1, delivered = 2)
        phone.layer.pushes.done(EndReason.Expired)
        val last = assertNotNull(phone.layer.inspection.report().lastPush)
        assertTrue(assertNotNull(last.delay).inWholeMilliseconds >= 500)
        assertEquals(EndReason.Expired, last.noCall)
        assertTrue(Obstacle.Kind.PushesDowngraded in kinds)
    }
}
