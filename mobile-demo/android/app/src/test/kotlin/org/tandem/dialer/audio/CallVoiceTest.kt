package org.tandem.dialer.audio

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CallVoiceTest {
    private var given = CallVoice.FRAME
    private val played = ArrayList<Short>()
    private val sent = ArrayList<Short>()

    private val device = object : SoundDevice {
        override fun capture(into: ShortArray): Int {
            into.fill(7)
            return given
        }

        override fun play(frame: ShortArray): Int {
            played += frame.toList()
            return given
        }
    }
    private val call = object : VoiceEnd {
        override fun read(into: ShortArray, count: Int): Int {
            into.fill(9, 0, count)
            return count
        }

        override fun write(from: ShortArray, count: Int): Int {
            sent += from.take(count)
            return count
        }
    }
    private val voice = CallVoice(device, call)

    @Test
    fun `a frame is 10 ms of 48 kHz`() = assertEquals(480, CallVoice.FRAME)

    @Test
    fun `what is captured is sent, and what arrives is played`() {
        assertTrue(voice.up())
        assertTrue(voice.down())
        assertEquals(List(480) { 7.toShort() }, sent)
        assertEquals(List(480) { 9.toShort() }, played)
    }

    @Test
    fun `a short frame is sent as long as it is`() {
        given = 100
        voice.up()
        assertEquals(100, sent.size)
    }

    @Test
    fun `a muted call sends silence and is heard to live`() {
        voice.muted = true
        voice.up()
        assertEquals(List(480) { 0.toShort() }, sent)
    }

    @Test
    fun `a device that is gone ends its direction`() {
        given = -32
        assertFalse(voice.up())
        assertFalse(voice.down())
        assertEquals(emptyList<Short>(), sent)
    }
}
