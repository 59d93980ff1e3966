package org.tandem.dialer.contacts

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB

class NumbersTest {
    private val asked = ArrayList<String>()
    private var readable: String? = BOB
    private val numbers = Numbers { written ->
        asked += written
        readable
    }

    @Test
    fun `the core is asked once for a number it can read`() {
        repeat(3) { assertEquals(BOB, numbers.of("0151 12345678")) }
        assertEquals(listOf("0151 12345678"), asked)
    }

    @Test
    fun `a number the core cannot read yet is asked for again`() {
        readable = null
        assertNull(numbers.of("0151 12345678"))
        readable = BOB
        assertEquals(BOB, numbers.of("0151 12345678"))
    }

    @Test
    fun `another SIM reads every number anew`() {
        numbers.of("0151 12345678")
        numbers.forget()
        readable = "+4315112345678"
        assertEquals("+4315112345678", numbers.of("0151 12345678"))
    }
}
