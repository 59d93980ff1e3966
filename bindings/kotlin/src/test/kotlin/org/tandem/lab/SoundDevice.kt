package org.tandem.lab

import java.io.Closeable
import java.util.concurrent.locks.LockSupport
import kotlin.concurrent.thread
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin
import kotlin.math.sqrt
import org.tandem.CallSound

/** Microphone and earpiece of a call, every 10 ms on a thread of their own: speaks in one tone and listens for another. */
class SoundDevice(handle: ULong, private val ownHz: Int, private val peerHz: Int) : Closeable {
    private val sound = CallSound(handle)

    /** Stretches of 100 ms in which the peer's tone stood clearly above everything of ours. */
    @Volatile
    var heard = 0
        private set

    @Volatile
    private var open = true
    private val device = thread(name = "sound", isDaemon = true, block = ::run)

    override fun close() {
        open = false
        device.join()
    }

    private fun run() {
        val frame = ShortArray(FRAME)
        val stretch = ShortArray(10 * FRAME)
        var spoken = 0L
        var filled = 0
        var next = System.nanoTime()
        while (open) {
            for (at in frame.indices) {
                frame[at] = (LOUDNESS * sin(2 * PI * ownHz * spoken++ / CallSound.SAMPLE_RATE_HZ)).toInt().toShort()
            }
            sound.write(frame)
            sound.read(frame)
            frame.copyInto(stretch, filled)
            filled += FRAME
            if (filled == stretch.size) {
                filled = 0
                val (peer, own) = strength(stretch, peerHz) to strength(stretch, ownHz)
                if (peer > LOUDNESS / 10 && peer > 5 * own) heard++
            }
            next += 10_000_000
            val early = next - System.nanoTime()
            // What a device has missed it does not catch up on.
            if (early > 0) LockSupport.parkNanos(early) else if (early < -100_000_000) next = System.nanoTime()
        }
    }

    private companion object {
        const val FRAME = CallSound.SAMPLE_RATE_HZ / 100
        const val LOUDNESS = 8_000.0
    }
}

/** The amplitude of one frequency, by Goertzel's filter. */
private fun strength(samples: ShortArray, hz: Int): Double {
    val turn = 2 * cos(2 * PI * hz / CallSound.SAMPLE_RATE_HZ)
    var (last, before) = 0.0 to 0.0
    for (sample in samples) {
        val now = sample + turn * last - before
        before = last
        last = now
    }
    return 2 * sqrt(maxOf(0.0, last * last + before * before - turn * last * before)) / samples.size
}
