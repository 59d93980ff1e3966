package org.tandem.dialer.contacts

/**
 * Turns bursts into one: a synchronisation that touches thousands of contacts tells of each. It fires when it has been [quietMs] quiet,
 * and after [atMostMs] in any case, so that a phone book that never rests is still read.
 */
class Debounce(private val quietMs: Long = 2_000, private val atMostMs: Long = 15_000) {
    private var firstAt: Long? = null

    /** Something happened. How long to wait from now before firing, unless something else happens. */
    fun happened(nowMs: Long): Long {
        val first = firstAt ?: nowMs.also { firstAt = it }
        return minOf(quietMs, first + atMostMs - nowMs).coerceAtLeast(0)
    }

    /** It fired. */
    fun fired() {
        firstAt = null
    }
}
