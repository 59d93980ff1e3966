package org.tandem.dialer.clock

import android.os.SystemClock
import org.tandem.ffi.ClockPort
import org.tandem.ffi.ClockReading

/** The phone's clocks. Not needed: without it the core reads the same two by itself, and crosses no border for it. */
class AndroidClock(
    /** Goes on while the phone sleeps, which `uptimeMillis` and `nanoTime` do not. */
    private val sinceBootMs: () -> Long = SystemClock::elapsedRealtime,
    private val wallMs: () -> Long = System::currentTimeMillis,
) : ClockPort {
    override fun now() = ClockReading(monoUs = (sinceBootMs() * 1_000).toULong(), wallMs = wallMs())
}
