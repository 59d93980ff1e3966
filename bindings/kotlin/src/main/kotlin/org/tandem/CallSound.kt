package org.tandem

import com.sun.jna.Native

/**
 * The sound of one call: 48 kHz, mono, signed 16 bit, any number of samples at a time (10 ms are 480).
 *
 * [handle] comes from [Tandem.audioReady], once the OS has opened microphone and earpiece. It ends with the call; after that this
 * gives silence and takes nothing. For a sound device's own thread: both functions return after the copy and call nothing back.
 */
class CallSound(handle: ULong) {
    private val handle = handle.toLong()

    /**
     * Fills [into] up to [count] with what is to be played next: the call's sound, and silence where it has none. Returns how many
     * samples were the call's.
     */
    fun read(into: ShortArray, count: Int = into.size): Int {
        require(count in 0..into.size) { "more samples than there is room for" }
        return if (WIDE) Sound64.tandem_audio_read(handle, into, count.toLong()).toInt()
        else Sound32.tandem_audio_read(handle, into, count)
    }

    /**
     * Hands over the first [count] captured samples. Returns how many were taken: all while the call sends; none before it is
     * answered, on hold and after its end.
     */
    fun write(from: ShortArray, count: Int = from.size): Int {
        require(count in 0..from.size) { "more samples than there are" }
        return if (WIDE) Sound64.tandem_audio_write(handle, from, count.toLong()).toInt()
        else Sound32.tandem_audio_write(handle, from, count)
    }

    companion object {
        /** Samples in a second. */
        const val SAMPLE_RATE_HZ = 48_000

        private val WIDE = Native.SIZE_T_SIZE == 8
    }
}

/** The library the generated code calls. */
private fun library() = System.getProperty("uniffi.component.tandem.libraryOverride") ?: "tandem"

// tandem_audio.h, once for each width of size_t: primitives cross without an object made for them.

private object Sound64 {
    init {
        Native.register(Sound64::class.java, library())
    }

    @JvmStatic
    external fun tandem_audio_read(handle: Long, samples: ShortArray, count: Long): Long

    @JvmStatic
    external fun tandem_audio_write(handle: Long, samples: ShortArray, count: Long): Long
}

private object Sound32 {
    init {
        Native.register(Sound32::class.java, library())
    }

    @JvmStatic
    external fun tandem_audio_read(handle: Long, samples: ShortArray, count: Int): Int

    @JvmStatic
    external fun tandem_audio_write(handle: Long, samples: ShortArray, count: Int): Int
}
