package org.tandem.dialer.clock

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.tandem.ffi.ClockReading

class AndroidClockTest {
    @Test
    fun `the time since boot is told in microseconds, the user's in milliseconds`() {
        val clock = AndroidClock({ 2_500 }, { 1_700_000_000_123 })
        assertEquals(ClockReading(monoUs = 2_500_000U, wallMs = 1_700_000_000_123), clock.now())
    }

    @Test
    fun `a user's clock before 1970 is still a time`() {
        assertEquals(-1, AndroidClock({ 0 }, { -1 }).now().wallMs)
    }
}
