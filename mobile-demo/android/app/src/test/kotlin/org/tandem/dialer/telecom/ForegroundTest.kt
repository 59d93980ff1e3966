package org.tandem.dialer.telecom

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ForegroundTest {
    private val asked = ArrayList<Int>()

    private fun types(inCall: Boolean) = typesOf(inCall, call = 1, microphone = 2, standby = 4)

    private fun begun(inCall: Boolean, refuse: (Int) -> Throwable?) = inForeground(types(inCall)) { type ->
        asked += type
        refuse(type)?.let { throw it }
    }

    @Test
    fun `a call has the microphone where it is allowed`() {
        assertTrue(begun(inCall = true) { null })
        assertEquals(listOf(3), asked)
    }

    @Test
    fun `a call without the microphone is a call all the same`() {
        assertTrue(begun(inCall = true) { type -> SecurityException().takeIf { type and 2 != 0 } })
        assertEquals(listOf(3, 1), asked)
    }

    @Test
    fun `standing by asks for nothing of a call's`() {
        assertTrue(begun(inCall = false) { null })
        assertEquals(listOf(4), asked)
    }

    @Test
    fun `an OS that allows nothing from the background ends nobody`() {
        assertFalse(begun(inCall = true) { IllegalStateException("not allowed from the background") })
        assertFalse(begun(inCall = false) { SecurityException() })
    }
}
