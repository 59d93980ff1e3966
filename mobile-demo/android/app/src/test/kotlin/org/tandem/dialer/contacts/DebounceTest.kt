package org.tandem.dialer.contacts

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class DebounceTest {
    private val debounce = Debounce(quietMs = 2_000, atMostMs = 15_000)

    @Test
    fun `one change waits for quiet`() = assertEquals(2_000, debounce.happened(100))

    @Test
    fun `a phone book that never rests is read all the same`() {
        assertEquals(2_000, debounce.happened(0))
        assertEquals(2_000, debounce.happened(10_000))
        assertEquals(1_000, debounce.happened(14_000))
        assertEquals(0, debounce.happened(20_000))
    }

    @Test
    fun `what comes after it fired begins anew`() {
        debounce.happened(0)
        debounce.fired()
        assertEquals(2_000, debounce.happened(14_999))
    }
}
