package org.tandem.dialer.contacts

import java.util.concurrent.ConcurrentHashMap
import org.tandem.ffi.Msisdn

/**
 * Written numbers as marks, calls and texts name them. The core reads them, in the country of the SIM; what it has read is kept here,
 * because a screen asks for every number of the phone book each time it is drawn.
 */
class Numbers(private val read: (written: String) -> Msisdn?) {
    private val known = ConcurrentHashMap<String, Msisdn>()

    /** Null for what is no telephone number, or none as far as the core knows by now: it is asked again. */
    fun of(written: String): Msisdn? = known[written] ?: read(written)?.also { known[written] = it }

    /** A SIM came, went or changed: another country may read them otherwise. */
    fun forget() = known.clear()
}
