package org.tandem.dialer.contacts

/** The table of all numbers of all contacts, in the order of its ids. */
fun interface NumberTable {
    /** The rows after an id, the lowest ids first, at most so many. Throws [SecurityException] where it may not be read. */
    fun after(id: Long, atMost: Int): List<NumberRow>
}

/** One number of one contact, as the user wrote it. */
data class NumberRow(val id: Long, val number: String?)

/** A page for the core. */
data class Page(val numbers: List<String>, val next: String?)

/**
 * Reads the phone book page by page. The cursor is the last id that was read rather than a count of rows: a contact that is added or
 * removed between two pages then shifts nothing, and no number is skipped or told twice.
 */
class PhoneBook(private val table: NumberTable) {
    fun page(cursor: String?, limit: UInt): Page {
        val after = if (cursor == null) BEFORE_ALL else requireNotNull(cursor.toLongOrNull()) { "not a cursor of ours" }
        val atMost = limit.coerceIn(1U, LIMIT_MAX).toInt()
        val rows = table.after(after, atMost).take(atMost)
        // A page that is full may be the last one; the empty page after it costs one query.
        val next = rows.lastOrNull()?.id?.takeIf { rows.size == atMost }?.toString()
        return Page(rows.mapNotNull { it.number?.trim()?.takeIf(String::isNotEmpty) }, next)
    }

    private companion object {
        const val BEFORE_ALL = -1L
        const val LIMIT_MAX = 1000U
    }
}
