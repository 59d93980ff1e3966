package org.tandem.dialer.audio

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.media.AudioAttributes
import android.media.AudioFocusRequest
import android.media.AudioManager
import android.os.Process
import kotlin.concurrent.thread
import org.tandem.CallSound
import org.tandem.dialer.service
import org.tandem.ffi.AudioPort
import org.tandem.ffi.CallId
import org.tandem.ffi.CoreInterface
import org.tandem.ffi.HostException
import org.tandem.ffi.TandemException

/** Opens the phone's sound for a call. Nothing of the core's sound is touched before the devices are open (`audioReady`). */
class AndroidAudio(private val context: Context, private val core: () -> CoreInterface?) : AudioPort {
    private val manager = context.service<AudioManager>()
    private val sessions = HashMap<CallId, Session>()

    /** Kept for a call and every device it goes through; a new call begins unmuted. */
    @Volatile
    private var muted = false

    private val focus = AudioFocusRequest.Builder(AudioManager.AUDIOFOCUS_GAIN_TRANSIENT)
        .setAudioAttributes(
            AudioAttributes.Builder()
                .setUsage(AudioAttributes.USAGE_VOICE_COMMUNICATION)
                .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
                .build(),
        )
        .build()

    override fun begin(call: CallId) {
        if (context.checkSelfPermission(Manifest.permission.RECORD_AUDIO) != PackageManager.PERMISSION_GRANTED) {
            throw HostException.Locked()
        }
        val session = Session(call)
        synchronized(sessions) { if (sessions.put(call, session) == null && sessions.size == 1) muted = false }
        thread(name = "tandem-voice-up") { session.run() }
    }

    override fun end(call: CallId) {
        synchronized(sessions) { sessions.remove(call) }?.end()
    }

    fun mute(on: Boolean) {
        muted = on
        synchronized(sessions) { sessions.values.forEach { it.mute(on) } }
    }

    fun isMuted(): Boolean = muted

    private inner class Session(private val call: CallId) {
        @Volatile
        private var ended = false

        @Volatile
        private var voice: CallVoice? = null

        @Volatile
        private var sound: AndroidSound? = null

        /** Opening takes some 100 ms: it is this thread's work, which then carries the microphone. */
        fun run() {
            Process.setThreadPriority(Process.THREAD_PRIORITY_URGENT_AUDIO)
            manager.requestAudioFocus(focus)
            manager.mode = AudioManager.MODE_IN_COMMUNICATION
            try {
                val sound = AndroidSound().also { sound = it }
                try {
                    carry(sound)
                } finally {
                    sound.release()
                }
            } catch (refused: UnsupportedOperationException) {
                // The call goes on without sound, as its screen shows by the silence.
            } catch (busy: IllegalStateException) {
                // Another app holds the microphone for good.
            } finally {
                leave()
            }
        }

        private fun carry(sound: AndroidSound) {
            sound.start()
            val handle = try {
                core()?.audioReady(call) ?: return
            } catch (over: TandemException) {
                return
            }
            val voice = CallVoice(sound, CoreSound(CallSound(handle))).also {
                it.muted = muted
                voice = it
            }
            val down = thread(name = "tandem-voice-down") {
                Process.setThreadPriority(Process.THREAD_PRIORITY_URGENT_AUDIO)
                while (!ended && voice.down()) Unit
            }
            while (!ended && voice.up()) Unit
            ended = true
            sound.stop()
            down.join()
        }

        fun mute(on: Boolean) {
            voice?.muted = on
        }

        /** Both directions notice within a frame. */
        fun end() {
            ended = true
        }

        /** Two calls share one phone: the last one out turns off the light. */
        private fun leave() {
            val isLast = synchronized(sessions) {
                sessions.remove(call, this)
                sessions.isEmpty()
            }
            if (!isLast) return
            manager.mode = AudioManager.MODE_NORMAL
            manager.abandonAudioFocusRequest(focus)
        }
    }
}

private class CoreSound(private val sound: CallSound) : VoiceEnd {
    override fun read(into: ShortArray, count: Int) = sound.read(into, count)
    override fun write(from: ShortArray, count: Int) = sound.write(from, count)
}
