package org.tandem.dialer.presentation

import org.tandem.ffi.Conversation
import org.tandem.ffi.Msisdn
import org.tandem.ffi.TextStatus

/** One conversation of the list, as shown. */
data class ConversationRow(val peer: Msisdn, val title: String, val words: String, val note: String, val at: Long)

/** Whoever is no contact stands by the number. [statusText] gives the core's words for where a text of mine stands. */
fun conversationRows(
    newestFirst: List<Conversation>,
    nameOf: (String) -> String?,
    statusText: (TextStatus) -> String,
): List<ConversationRow> = newestFirst.map { conversation ->
    val newest = threadRows(listOf(conversation.newest), statusText).single()
    val name = nameOf(conversation.peer) ?: conversation.peer
    ConversationRow(
        peer = conversation.peer,
        title = if (conversation.unread == 0UL) name else "● $name (${conversation.unread} unread)",
        words = if (newest.mine) "You: ${newest.body}" else newest.body,
        note = newest.note,
        at = newest.at,
    )
}
