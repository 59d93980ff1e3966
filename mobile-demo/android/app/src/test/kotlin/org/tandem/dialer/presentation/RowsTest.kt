package org.tandem.dialer.presentation

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB
import org.tandem.dialer.received
import org.tandem.dialer.written
import org.tandem.ffi.Bearer
import org.tandem.ffi.CallEnd
import org.tandem.ffi.LogEntry
import org.tandem.ffi.LogLeg
import org.tandem.ffi.LogPeer
import org.tandem.ffi.MarkShown
import org.tandem.ffi.Target
import org.tandem.ffi.TerminalState
import org.tandem.ffi.TextStatus
import org.tandem.ffi.WhyNotData

class RowsTest {
    private val bob = Contact("b", "Bob", listOf("030 1", "0151 12345678"))
    private val alice = Contact("a", "alice", listOf("+491"))
    private val carol = Contact("c", "Carol", listOf("short"))
    private val read = mapOf("0151 12345678" to BOB, "030 1" to "+49301", "+491" to "+491")

    private fun rows(contacts: List<Contact>, marks: Map<String, MarkShown> = emptyMap(), search: String = "") =
        contactRows(contacts, marks, read::get, search)

    @Test
    fun `marked contacts come first, then those not seen lately, each by name`() {
        val marks = mapOf(BOB to MarkShown.MARKED, "+491" to MarkShown.NOT_SEEN_LATELY)
        val rows = rows(listOf(carol, alice, bob), marks)
        assertEquals(listOf("Bob", "alice", "Carol"), rows.map { it.contact.name })
        assertEquals(listOf(true, true, false), rows.map { it.overData })
    }

    @Test
    fun `a thread is with the number that is marked, else with the first that is one`() {
        assertEquals(BOB, rows(listOf(bob), mapOf(BOB to MarkShown.MARKED)).single().peer)
        assertEquals(BOB, rows(listOf(bob), mapOf(BOB to MarkShown.NOT_SEEN_LATELY)).single().peer)
        assertEquals("+49301", rows(listOf(bob)).single().peer)
        assertNull(rows(listOf(carol)).single().peer)
    }

    @Test
    fun `a contact is called with all its numbers, so that the core can ask which`() {
        val target = rows(listOf(bob), mapOf(BOB to MarkShown.MARKED)).single().target
        assertEquals(Target.Contact("b", listOf("030 1", "0151 12345678")), target)
    }

    @Test
    fun `a contact is found by name and by digits, however they are written`() {
        val all = listOf(alice, bob, carol)
        assertEquals(listOf("Bob"), rows(all, search = "15112").map { it.contact.name })
        assertEquals(listOf("Bob"), rows(all, search = " bOb ").map { it.contact.name })
        assertEquals(3, rows(all, search = " ").size)
    }

    @Test
    fun `a thread ends with the newest, and says what is unread, missing or closed`() {
        val rows = threadRows(listOf(written(TextStatus.Stored), received(null, gap = 2U))) { "where it stands" }
        assertEquals(listOf("This text could not be opened.", "hello"), rows.map { it.body })
        assertEquals(listOf("2 texts before this are missing", "where it stands"), rows.map { it.note })
        assertTrue(rows[0].unread)
        assertFalse(threadRows(listOf(received("hi", read = true))) { "" }.single().unread)
    }

    @Test
    fun `only a text that has not ended can be taken back`() {
        fun buttons(status: TextStatus) = threadRows(listOf(written(status))) { "" }.single().buttons
        assertEquals(listOf(TextButton.TO_SMS, TextButton.CANCEL), buttons(TextStatus.Stored))
        assertEquals(listOf(TextButton.TO_SMS, TextButton.OTHER_APP), buttons(TextStatus.SmsFailed))
        for (state in TerminalState.entries) assertEquals(emptyList<Any>(), buttons(TextStatus.Ended(state, false)))
    }

    @Test
    fun `a conversation across data and carrier is one entry that says why`() {
        val legs = listOf(
            LogLeg(Bearer.DATA, 0U, WhyNotData.PEER_OFFLINE),
            LogLeg(Bearer.CARRIER, 61_999U, null),
        )
        val entry = LogEntry(1U, null, 0U, LogPeer.Number(BOB), true, 5, legs, CallEnd.CARRIER)
        val row = logRows(listOf(entry), { if (it == BOB) "Bob" else null }, { "offline" }, { "ended" }).single()
        assertEquals("→ Bob", row.title)
        assertEquals("data: offline · carrier 1:01 · ended", row.note)
    }

    @Test
    fun `a short number in the log is dialed as it was`() {
        val entry = LogEntry(1U, null, 0U, LogPeer.Dialed("110"), false, 5, emptyList(), null)
        val row = logRows(listOf(entry), { null }, { "" }, { "" }).single()
        assertEquals("← 110", row.title)
        assertEquals(Target.Number("110"), row.target)
    }
}
