package org.tandem.dialer.host

import org.tandem.ffi.Line
import org.tandem.ffi.Ticket

/** Hands digits to the phone's own telephony. */
fun interface CarrierDialer {
    /** True when the OS took the call. [ticket] is absent for a call the core knows nothing of. */
    fun dial(ticket: Ticket?, line: Line?, digits: String): Boolean
}

/**
 * Everything that is dialed through the carrier passes here, from the core or past it, so that one wish of the user becomes one call.
 *
 * Core and host can both dial for the same wish: the core's guard when the core hangs, the host when a command does not return. Who
 * comes second finds the call placed.
 */
class CarrierDesk(private val dialer: CarrierDialer) {
    private var byCore = 0L
    private var hostDialed = false

    /** The user wants something new. What is dialed from here on is for this wish; the mark is for [dialUnlessDone]. */
    @Synchronized
    fun wish(): Long {
        hostDialed = false
        return byCore
    }

    /** The core orders a call. One that the host has already placed for the same wish counts as dialed. */
    fun dialForCore(ticket: Ticket, line: Line?, digits: String): Boolean {
        synchronized(this) {
            if (hostDialed) {
                hostDialed = false
                return true
            }
            byCore++
        }
        return dialer.dial(ticket.takeIf { it != NOBODYS }, line, digits)
    }

    /** The host dials by itself, unless the core has dialed since [wish]. True when there is a call. */
    fun dialUnlessDone(wish: Long, line: Line?, digits: String): Boolean {
        synchronized(this) {
            if (byCore != wish) return true
            hostDialed = true
        }
        val taken = dialer.dial(null, line, digits)
        if (!taken) synchronized(this) { hostDialed = false }
        return taken
    }

    private companion object {
        /** The ticket of a call placed for a core that is gone. */
        val NOBODYS: Ticket = 0UL
    }
}
