package org.tandem.dialer.sim

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class SimsTest {
    private val sims = Sims()

    @Test
    fun `a line is the slot and not the subscription`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 1), ActiveSim(subscription = 3, slot = 0)))
        assertEquals(1.toUByte(), sims.lineOf(7))
        assertEquals(0.toUByte(), sims.lineOf(3))
        assertEquals(7, sims.subscriptionOf(1U))
        assertEquals(listOf(0U, 1U), sims.slots().map { it.line.toUInt() })
    }

    @Test
    fun `a swapped SIM is another subscription on the same line`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 0)))
        sims.replace(listOf(ActiveSim(subscription = 8, slot = 0)))
        assertEquals(8, sims.subscriptionOf(0U))
        assertNull(sims.lineOf(7), "an SMS that was under way when it was taken out")
    }

    @Test
    fun `an absent line and one without a SIM have no subscription`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 0)))
        assertNull(sims.subscriptionOf(null))
        assertNull(sims.subscriptionOf(1U))
    }

    @Test
    fun `an SMS without a subscription came to the only SIM, and to neither of two`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 1)))
        assertEquals(1.toUByte(), sims.lineOf(-1))
        assertNull(sims.lineOf(8), "another SIM's")
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 1), ActiveSim(subscription = 3, slot = 0)))
        assertNull(sims.lineOf(-1))
    }

    @Test
    fun `a profile in no slot is no SIM`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = -1)))
        assertEquals(emptyList<Any>(), sims.slots())
    }

    @Test
    fun `empty words are absent, whichever way Android writes nothing`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 0, country = "", numbers = listOf("", null, "  "), imsi = "")))
        val slot = sims.slots().single()
        assertNull(slot.number)
        assertNull(slot.imsi)
        assertEquals("", slot.country)
    }

    @Test
    fun `the first source that knows a number is believed`() {
        val numbers = listOf("", null, "+491711234567", "0171 999")
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 0, country = "de", numbers = numbers, imsi = "262011234567890")))
        val slot = sims.slots().single()
        assertEquals("+491711234567", slot.number)
        assertEquals("262011234567890", slot.imsi)
        assertEquals("DE", slot.country)
    }

    @Test
    fun `a SIM without a name is called by its place`() {
        sims.replace(listOf(ActiveSim(subscription = 7, slot = 0, name = " "), ActiveSim(subscription = 8, slot = 1, name = "Work")))
        assertEquals("SIM 1", sims.nameOf(0U))
        assertEquals("Work", sims.nameOf(1U))
    }
}
