package org.tandem.dialer.presentation

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB
import org.tandem.dialer.FakeCore
import org.tandem.dialer.received
import org.tandem.dialer.written
import org.tandem.ffi.Conversation
import org.tandem.ffi.TextStatus

class ConversationsTest {
    private val core = FakeCore()
    private val conversations = Conversations { core }
    private val positions get() = conversations.shown.map { it.newest.position.toInt() }
    private val stranger = "+4915199999999"

    private fun number(of: Int) = "+491520000%04d".format(of)

    /** Each of these had a text of their own, the last one the newest. */
    private fun talkedWith(count: Int) {
        core.conversations = (1..count).map { Conversation(number(it), received("hi", position = it.toULong(), sender = number(it)), 1U) }
    }

    private fun rows(vararg of: Conversation) =
        conversationRows(of.toList(), { if (it == BOB) "Bob" else null }, { "where it stands" })

    @Test
    fun `whoever is no contact is listed by the number, with what was not read`() {
        val row = rows(Conversation(stranger, received("it is me", sender = stranger), 3U)).single()
        assertEquals(stranger, row.peer)
        assertEquals("● $stranger (3 unread)", row.title)
        assertEquals("it is me", row.words)
    }

    @Test
    fun `a contact stands by the name, and a text of mine says so and where it stands`() {
        val row = rows(Conversation(BOB, written(TextStatus.Stored), 0U)).single()
        assertEquals(listOf("Bob", "You: hello", "where it stands"), listOf(row.title, row.words, row.note))
    }

    @Test
    fun `a text that could not be opened says so in the list, too`() {
        assertEquals("This text could not be opened.", rows(Conversation(BOB, received(null), 1U)).single().words)
    }

    @Test
    fun `the list begins with the newest page, and each further one follows the last that is shown`() = runBlocking {
        talkedWith(120)
        conversations.refresh()
        assertEquals((120 downTo 71).toList(), positions)
        conversations.more()
        assertTrue(conversations.hasMore)
        conversations.more()
        assertEquals((120 downTo 1).toList(), positions)
        assertFalse(conversations.hasMore)
        assertEquals(listOf("null", "71", "21").map { "conversations before $it" }, core.asked)
    }

    @Test
    fun `reading again shows as much as before, with whoever wrote meanwhile at the top, once`() = runBlocking {
        talkedWith(120)
        conversations.refresh()
        conversations.more()
        val wrote = Conversation(number(3), received("again", position = 121U, sender = number(3)), 2U)
        core.conversations = core.conversations.filter { it.peer != wrote.peer } + wrote
        conversations.refresh()
        assertEquals(wrote, conversations.shown.first())
        assertEquals((121 downTo 22).toList(), positions)
    }

    @Test
    fun `what was read meanwhile is not unread any more`() = runBlocking {
        talkedWith(1)
        conversations.refresh()
        core.conversations = core.conversations.map { it.copy(unread = 0U) }
        conversations.refresh()
        assertEquals(0UL, conversations.shown.single().unread)
    }

    @Test
    fun `without a core there is nobody, and no more to be read`() = runBlocking {
        val none = Conversations { null }
        none.refresh()
        none.more()
        assertEquals(emptyList<Conversation>(), none.shown)
        assertFalse(none.hasMore)
    }
}
