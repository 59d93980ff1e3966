package org.tandem.dialer.sms

import org.tandem.ffi.Ticket

/**
 * The SMS the core ordered and the radio has not answered. A long one goes out in parts, of which each is answered by itself: it is
 * sent when all are, and failed with the first that is not.
 */
class SmsOrders(private val answer: (Ticket, Boolean) -> Unit) {
    private val open = LinkedHashMap<Ticket, MutableSet<Int>>()

    /** It is handed to the OS in so many parts. */
    @Synchronized
    fun begin(ticket: Ticket, parts: Int) {
        open[ticket] = (0 until parts).toMutableSet()
        // The radio answers within minutes or not at all; the core has its own deadline and drops what comes later.
        while (open.size > OPEN_MAX) open.remove(open.keys.first())
    }

    /** The radio answered one part; again is fine. */
    fun partSent(ticket: Ticket, part: Int, ok: Boolean) {
        val done = synchronized(this) {
            val waiting = open[ticket] ?: return
            waiting.remove(part)
            (!ok || waiting.isEmpty()).also { if (it) open.remove(ticket) }
        }
        if (done) answer(ticket, ok)
    }

    private companion object {
        const val OPEN_MAX = 256
    }
}
