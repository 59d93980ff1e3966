package org.tandem.dialer.contacts

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class PhoneBookTest {
    /** A provider as Android's: rows by id, with holes, and one that may change between two pages. */
    private val rows = sortedMapOf<Long, String?>()
    private var askedAtMost = 0
    private val book = PhoneBook { id, atMost ->
        askedAtMost = atMost
        rows.tailMap(id + 1).entries.take(atMost).map { NumberRow(it.key, it.value) }
    }

    private fun readAll(limit: UInt, between: () -> Unit = {}): List<String> {
        val all = ArrayList<String>()
        var cursor: String? = null
        do {
            val page = book.page(cursor, limit)
            assertTrue(page.numbers.size <= limit.toInt())
            all += page.numbers
            cursor = page.next
            between()
        } while (cursor != null)
        return all
    }

    @Test
    fun `every number is told once, whatever the page's size`() {
        (1L..10L).forEach { rows[it * 3] = "+49$it" }
        for (limit in 1U..12U) assertEquals(rows.values.toList(), readAll(limit), "pages of $limit")
    }

    @Test
    fun `an empty phone book is one empty page`() {
        val page = book.page(null, 500U)
        assertEquals(emptyList<String>(), page.numbers)
        assertNull(page.next)
    }

    @Test
    fun `a contact that goes between two pages makes none be skipped or told twice`() {
        (1L..6L).forEach { rows[it] = "+49$it" }
        val told = readAll(2U) { rows.remove(1) }
        assertEquals((1..6).map { "+49$it" }, told)
    }

    @Test
    fun `rows without a number count towards the page and are not told`() {
        rows[1] = null
        rows[2] = " "
        rows[3] = "112"
        assertEquals(listOf("112"), readAll(2U))
    }

    @Test
    fun `the provider is never asked for more than the core takes, or for all there is`() {
        book.page(null, 7U)
        assertEquals(7, askedAtMost)
        book.page(null, UInt.MAX_VALUE)
        assertEquals(1000, askedAtMost)
    }

    @Test
    fun `a cursor that is none of ours is no page`() {
        assertThrows<IllegalArgumentException> { book.page("seven", 10U) }
    }
}
