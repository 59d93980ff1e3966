package org.tandem.dialer.telephony

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.tandem.ffi.CarrierCallState
import org.tandem.ffi.Ticket

class CarrierCallsTest {
    private val told = ArrayList<Pair<Ticket?, CarrierCallState>>()
    private val calls = CarrierCalls { ticket, state -> told += ticket to state }

    @Test
    fun `a call the core ordered is told under its ticket, from talking on`() {
        calls.changed("a", 5U, CarrierState.DIALING)
        calls.changed("a", 5U, CarrierState.ACTIVE)
        calls.changed("a", 5U, CarrierState.HELD)
        calls.changed("a", 5U, CarrierState.ENDED)
        assertEquals(listOf(5UL to CarrierCallState.ACTIVE, 5UL to CarrierCallState.ENDED), told)
    }

    @Test
    fun `a ticket that Telecom forgets on the way is remembered`() {
        calls.changed("a", 5U, CarrierState.DIALING)
        calls.changed("a", null, CarrierState.ENDED)
        assertEquals(listOf<Any>(5UL to CarrierCallState.ENDED), told)
    }

    @Test
    fun `a stranger's call rings, is talked on, and ends`() {
        calls.changed("a", null, CarrierState.RINGING)
        calls.changed("a", null, CarrierState.ACTIVE)
        calls.changed("a", null, CarrierState.ACTIVE)
        calls.changed("a", null, CarrierState.ENDED)
        calls.changed("a", null, CarrierState.ENDED)
        assertEquals(
            listOf(CarrierCallState.RINGING, CarrierCallState.ACTIVE, CarrierCallState.ENDED),
            told.map { it.second },
        )
    }

    @Test
    fun `two strangers' calls are over when both are`() {
        calls.changed("a", null, CarrierState.ACTIVE)
        calls.changed("b", null, CarrierState.RINGING)
        calls.changed("b", null, CarrierState.ENDED)
        assertEquals(listOf<Any>(null to CarrierCallState.ACTIVE), told, "the first goes on")
        calls.changed("a", null, CarrierState.ENDED)
        assertEquals(null to CarrierCallState.ENDED, told.last())
    }

    @Test
    fun `a call that ends while another waits leaves the waiting one ringing`() {
        calls.changed("a", null, CarrierState.ACTIVE)
        calls.changed("b", null, CarrierState.RINGING)
        calls.changed("a", null, CarrierState.ENDED)
        assertEquals(null to CarrierCallState.RINGING, told.last())
    }

    @Test
    fun `a call the user dials and gives up is nothing to the core`() {
        calls.changed("a", null, CarrierState.DIALING)
        calls.changed("a", null, CarrierState.ENDED)
        assertEquals(emptyList<Any>(), told)
    }
}
