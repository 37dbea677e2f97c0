package dev.doorstep.courier

import dev.doorstep.ConnectionState
import dev.doorstep.EndReason
import dev.doorstep.Quality
import dev.doorstep.Reachability
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** What counters and states mean to a courier. */
class LineTest {
    private fun quality(
        received: Int,
        lost: Int,
        jitter: Duration = 5.milliseconds,
        roundTrip: Duration? = 60.milliseconds,
    ) = Quality(received.toULong(), lost.toULong(), 0UL, jitter, roundTrip, 0UL)

    @Test
    fun `the bars follow loss since the last measurement, not since the start`() {
        val start = quality(100, 0)
        assertEquals(LineQuality.Good, lineQuality(null, start))
        assertEquals(LineQuality.Fair, lineQuality(start, quality(196, 4)))
        assertEquals(LineQuality.Weak, lineQuality(start, quality(190, 10)))
        assertEquals(LineQuality.Bad, lineQuality(start, quality(170, 30)))
        assertEquals(LineQuality.Good, lineQuality(quality(170, 30), quality(270, 30)))
    }

    @Test
    fun `the bars follow delay`() {
        val start = quality(100, 0)
        for ((roundTrip, jitter, expected) in listOf(
            Triple(200, 10, LineQuality.Good),
            Triple(400, 30, LineQuality.Fair),
            Triple(700, 50, LineQuality.Weak),
            Triple(1600, 50, LineQuality.Bad),
        )) {
            assertEquals(expected, lineQuality(start, quality(200, 0, jitter.milliseconds, roundTrip.milliseconds)))
        }
        assertEquals(LineQuality.Good, lineQuality(start, quality(200, 0, roundTrip = null)))
    }

    @Test
    fun `nothing received is a bad line, and a counter that goes back is none`() {
        assertEquals(LineQuality.Bad, lineQuality(quality(100, 0), quality(100, 0)))
        assertEquals(LineQuality.Good, lineQuality(quality(100, 9), quality(200, 8)))
    }

    @Test
    fun `the courier reads one line of how it stands`() {
        val failed = { reason: EndReason -> Reachability.Failed(reason) }
        for ((connection, reachability, expected) in listOf(
            Triple(ConnectionState.Connected, Reachability.Reachable, LineStatus.Reachable),
            Triple(ConnectionState.Connected, Reachability.Registering, LineStatus.Connecting),
            Triple(ConnectionState.Connecting, Reachability.Registering, LineStatus.Connecting),
            Triple(ConnectionState.Waiting, Reachability.Registering, LineStatus.Offline),
            Triple(ConnectionState.Waiting, failed(EndReason.TimedOut), LineStatus.Offline),
            Triple(ConnectionState.Connected, failed(EndReason.NotAllowed), LineStatus.NotReachable),
            Triple(ConnectionState.Waiting, failed(EndReason.Unauthorized), LineStatus.SignedOut),
        )) {
            assertEquals(expected, lineStatus(connection, reachability), "$connection $reachability")
        }
    }
}
