package org.tandem.dialer.net

import org.tandem.ffi.NetworkSnapshot

/** One network as the OS describes it at one moment. */
data class NetworkFacts(
    /** Names the network at the OS; a new one for each time it comes up. */
    val network: Long,
    /** The OS has reached the internet through it. */
    val validated: Boolean,
    /** Wi-Fi or a cable. */
    val wifi: Boolean,
    /** The phone's own addresses on it. */
    val addresses: Set<String> = emptySet(),
    /** The radio of a mobile network. */
    val radio: Int = 0,
    /** What the OS believes of the rate, in kbit/s; zero or less where it believes nothing. */
    val downKbps: Int = 0,
    val upKbps: Int = 0,
)

/**
 * Counts paths: another network, address or radio is another path, while a new estimate of the rate is not. The core measures anew and
 * brings media over when the count moves, so it must move for nothing less.
 */
class NetworkPath {
    private var now: NetworkFacts? = null
    private var path = 0UL
    private var told: NetworkSnapshot? = null

    /** The network the phone uses by default changed in some way; null when it has none. True when the core must look again. */
    @Synchronized
    fun changed(facts: NetworkFacts?): Boolean {
        if (now?.way() != facts?.way()) path++
        now = facts
        val differs = snapshot() != told
        told = snapshot()
        return differs
    }

    @Synchronized
    fun snapshot(): NetworkSnapshot = NetworkSnapshot(
        path = path,
        connected = now?.validated == true,
        wifi = now?.wifi == true,
        hintBps = now?.hintBps(),
    )

    private fun NetworkFacts.way() = listOf(network, addresses, radio, wifi)

    /** The slower direction decides. On Wi-Fi it is the link to the access point, which says nothing of the path behind it. */
    private fun NetworkFacts.hintBps(): ULong? =
        minOf(downKbps, upKbps).takeIf { it > 0 && !wifi }?.let { it.toULong() * 1000UL }
}
