package org.tandem.dialer.presentation

import org.tandem.ffi.MarkShown
import org.tandem.ffi.Msisdn
import org.tandem.ffi.Target

/** A contact of the phone book, its numbers as the user wrote them. */
data class Contact(val id: String, val name: String, val numbers: List<String>)

/** One line of the contacts screen. */
data class ContactRow(
    val contact: Contact,
    val mark: MarkShown,
    /** Shown beside the name, for eyes and for a screen reader. */
    val badge: String,
    /** Offered where a mark is shown; whether data will do is the core's to find out. */
    val overData: Boolean,
    /** Whose thread is opened: the number that shows the best mark, else the first that is one. */
    val peer: Msisdn?,
) {
    /** The core picks among the marked numbers, or asks which one is meant. */
    val target: Target get() = Target.Contact(contact.id, contact.numbers)
}

/**
 * The contacts with their marks: those that can be reached over data first, each half by name. [numberOf] reads a written number as
 * marks name it.
 */
fun contactRows(
    contacts: List<Contact>,
    marks: Map<Msisdn, MarkShown>,
    numberOf: (String) -> Msisdn?,
    search: String = "",
): List<ContactRow> = contacts
    .filter { it.matches(search) }
    .map { contact ->
        val peer = contact.numbers.mapNotNull(numberOf).minByOrNull { rank(marks[it]) }
        val mark = marks[peer] ?: MarkShown.UNMARKED
        ContactRow(contact, mark, badgeOf(mark), overData = mark != MarkShown.UNMARKED, peer)
    }
    .sortedWith(compareBy({ rank(it.mark) }, { it.contact.name.lowercase() }))

private fun Contact.matches(search: String): Boolean {
    val wanted = search.trim()
    val digits = wanted.filter(Char::isDigit)
    return wanted.isEmpty() || name.contains(wanted, ignoreCase = true) ||
        digits.isNotEmpty() && numbers.any { digits in it.filter(Char::isDigit) }
}

private fun rank(mark: MarkShown?): Int = when (mark) {
    MarkShown.MARKED -> 0
    MarkShown.NOT_SEEN_LATELY -> 1
    MarkShown.UNMARKED, null -> 2
}

private fun badgeOf(mark: MarkShown): String = when (mark) {
    MarkShown.MARKED -> "● data"
    MarkShown.NOT_SEEN_LATELY -> "○ not seen lately"
    MarkShown.UNMARKED -> ""
}
