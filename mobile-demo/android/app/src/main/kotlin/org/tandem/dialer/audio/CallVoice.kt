package org.tandem.dialer.audio

/** Microphone and earpiece, frame by frame. */
interface SoundDevice {
    /** Fills a frame from the microphone, waiting for it. The samples captured; less than one when the device is gone. */
    fun capture(into: ShortArray): Int

    /** Plays a frame, waiting for room. Less than one when the device is gone. */
    fun play(frame: ShortArray): Int
}

/** The core's end of a call's sound: [org.tandem.CallSound]. */
interface VoiceEnd {
    fun read(into: ShortArray, count: Int): Int
    fun write(from: ShortArray, count: Int): Int
}

/** Carries sound between device and call, 10 ms at a time. Each direction has one thread. */
class CallVoice(private val device: SoundDevice, private val call: VoiceEnd) {
    private val captured = ShortArray(FRAME)
    private val played = ShortArray(FRAME)

    @Volatile
    var muted = false

    /** One frame up; false when the device is gone. */
    fun up(): Boolean {
        val count = device.capture(captured)
        if (count < 1) return false
        // A muted call sends silence: one that sends nothing looks broken to the peer.
        if (muted) captured.fill(0)
        call.write(captured, count)
        return true
    }

    /** One frame down; false when the device is gone. */
    fun down(): Boolean {
        call.read(played, FRAME)
        return device.play(played) > 0
    }

    companion object {
        const val RATE_HZ = 48_000

        /** Samples of 10 ms. */
        const val FRAME = RATE_HZ / 100
    }
}
