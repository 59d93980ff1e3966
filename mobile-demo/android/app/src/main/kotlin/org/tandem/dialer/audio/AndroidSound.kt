package org.tandem.dialer.audio

import android.annotation.SuppressLint
import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.AudioTrack
import android.media.MediaRecorder

/** Microphone and earpiece of one call, in the way the OS cancels echo for calls. Opening throws where the OS refuses. */
class AndroidSound : SoundDevice {
    @SuppressLint("MissingPermission")
    private val record: AudioRecord = AudioRecord.Builder()
        .setAudioSource(MediaRecorder.AudioSource.VOICE_COMMUNICATION)
        .setAudioFormat(format(AudioFormat.CHANNEL_IN_MONO))
        .setBufferSizeInBytes(maxOf(AudioRecord.getMinBufferSize(RATE, AudioFormat.CHANNEL_IN_MONO, PCM), CAPTURE_BYTES))
        .build()

    private val track: AudioTrack = AudioTrack.Builder()
        .setAudioAttributes(
            AudioAttributes.Builder()
                .setUsage(AudioAttributes.USAGE_VOICE_COMMUNICATION)
                .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
                .build(),
        )
        .setAudioFormat(format(AudioFormat.CHANNEL_OUT_MONO))
        .setBufferSizeInBytes(maxOf(AudioTrack.getMinBufferSize(RATE, AudioFormat.CHANNEL_OUT_MONO, PCM), PLAY_BYTES))
        .setPerformanceMode(AudioTrack.PERFORMANCE_MODE_LOW_LATENCY)
        .build()

    fun start() {
        record.startRecording()
        track.play()
    }

    override fun capture(into: ShortArray): Int = record.read(into, 0, into.size, AudioRecord.READ_BLOCKING)

    override fun play(frame: ShortArray): Int = track.write(frame, 0, frame.size, AudioTrack.WRITE_BLOCKING)

    /** Wakes both directions: their waits end with an error. */
    fun stop() {
        runCatching { record.stop() }
        runCatching { track.pause() }
        runCatching { track.flush() }
    }

    /** Only after both directions have ended: a released device crashes who still uses it. */
    fun release() {
        record.release()
        track.release()
    }

    private companion object {
        const val RATE = CallVoice.RATE_HZ
        const val PCM = AudioFormat.ENCODING_PCM_16BIT

        /** 80 ms of slack for a microphone thread that wakes late, 40 ms for the earpiece, where every ms is heard as delay. */
        const val CAPTURE_BYTES = 8 * 2 * CallVoice.FRAME
        const val PLAY_BYTES = 4 * 2 * CallVoice.FRAME

        fun format(channels: Int): AudioFormat =
            AudioFormat.Builder().setSampleRate(RATE).setEncoding(PCM).setChannelMask(channels).build()
    }
}
