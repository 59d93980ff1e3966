package org.tandem.dialer.sms

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.tandem.ffi.Ticket

class SmsTest {
    private val answers = ArrayList<Pair<Ticket, Boolean>>()
    private val orders = SmsOrders { ticket, ok -> answers += ticket to ok }

    @Test
    fun `a long SMS is sent when all its parts are`() {
        orders.begin(1U, parts = 3)
        orders.partSent(1U, 2, ok = true)
        orders.partSent(1U, 0, ok = true)
        orders.partSent(1U, 0, ok = true)
        assertEquals(emptyList<Any>(), answers, "one part was answered twice")
        orders.partSent(1U, 1, ok = true)
        assertEquals(listOf(1UL to true), answers)
    }

    @Test
    fun `one part that fails fails the SMS, once`() {
        orders.begin(1U, parts = 2)
        orders.partSent(1U, 0, ok = false)
        orders.partSent(1U, 1, ok = false)
        orders.partSent(9U, 0, ok = true)
        assertEquals(listOf(1UL to false), answers)
    }

    @Test
    fun `a radio that never answers does not fill the memory`() {
        for (ticket in 1UL..300UL) orders.begin(ticket, parts = 1)
        orders.partSent(1U, 0, ok = true)
        assertEquals(emptyList<Any>(), answers, "the oldest is forgotten")
        orders.partSent(300U, 0, ok = true)
        assertEquals(listOf(300UL to true), answers)
    }

    @Test
    fun `the parts of a broadcast are one SMS`() {
        val parts = listOf(SmsPart("Tandem", "code 1234"), SmsPart("Tandem", "5678"))
        assertEquals(ReceivedSms("Tandem", "code 12345678"), joined(parts))
        assertEquals(ReceivedSms("", "x"), joined(listOf(SmsPart(null, "x"))))
        assertNull(joined(listOf(SmsPart("Tandem", null))))
    }
}
