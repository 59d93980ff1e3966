package org.tandem.dialer.net

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class NetworkPathTest {
    private val path = NetworkPath()
    private val mobile = NetworkFacts(
        network = 1, validated = true, wifi = false, addresses = setOf("10.0.0.2/32"), radio = 4, downKbps = 30_000, upKbps = 5_000,
    )

    private fun countAfter(facts: NetworkFacts?): ULong {
        path.changed(facts)
        return path.snapshot().path
    }

    @Test
    fun `another network, address or radio is another path`() {
        val first = countAfter(mobile)
        val readdressed = countAfter(mobile.copy(addresses = setOf("10.0.0.3/32")))
        val slower = countAfter(mobile.copy(addresses = setOf("10.0.0.3/32"), radio = 2))
        val wifi = countAfter(mobile.copy(network = 2, wifi = true))
        assertEquals(4, setOf(first, readdressed, slower, wifi).size)
    }

    @Test
    fun `an estimate or a validation is no other path, and is told all the same`() {
        val before = countAfter(mobile.copy(validated = false))
        assertTrue(path.changed(mobile))
        assertTrue(path.changed(mobile.copy(upKbps = 4_000)))
        assertEquals(before, path.snapshot().path)
    }

    @Test
    fun `what changes nothing the core sees is not told`() {
        path.changed(mobile)
        assertFalse(path.changed(mobile))
        assertFalse(path.changed(mobile.copy(downKbps = 29_000)), "the other direction is slower still")
    }

    @Test
    fun `a network that reaches nothing is no connection`() {
        path.changed(mobile.copy(validated = false))
        assertFalse(path.snapshot().connected)
        path.changed(mobile)
        assertTrue(path.snapshot().connected)
        path.changed(null)
        assertFalse(path.snapshot().connected)
    }

    @Test
    fun `the same network after a gap is another path`() {
        val before = countAfter(mobile)
        path.changed(null)
        assertNotEquals(before, countAfter(mobile))
    }

    @Test
    fun `the hint is the slower direction, and absent where it says nothing`() {
        path.changed(mobile)
        assertEquals(5_000_000UL, path.snapshot().hintBps)
        path.changed(mobile.copy(upKbps = 0))
        assertNull(path.snapshot().hintBps, "Android's word for unknown")
        path.changed(mobile.copy(wifi = true))
        assertNull(path.snapshot().hintBps, "the rate to the access point")
    }
}
