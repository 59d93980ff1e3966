package org.tandem.dialer.sim

import org.tandem.ffi.Line
import org.tandem.ffi.SimSlot

/** A SIM that is in and switched on, as the OS tells of it: any of its words may be missing, empty or wrong. */
data class ActiveSim(
    /** Names the subscription at the OS; changes when the SIM is swapped. */
    val subscription: Int,
    /** Where it sits, from 0; an eSIM's logical slot. */
    val slot: Int,
    /** What the user calls it. */
    val name: String? = null,
    /** Its home country, two letters. */
    val country: String? = null,
    /** The number as each source knows it, the most trusted first. */
    val numbers: List<String?> = emptyList(),
    val imsi: String? = null,
)

/** The border between the OS's words for SIMs (subscriptions) and the core's (lines, which are slots). */
class Sims {
    @Volatile
    private var active: List<ActiveSim> = emptyList()

    /** Takes in what the OS says is there now. A subscription in no slot is a profile that is not in use. */
    fun replace(sims: List<ActiveSim>) {
        active = sims.filter { it.slot in 0..UByte.MAX_VALUE.toInt() }.sortedBy { it.slot }
    }

    fun all(): List<ActiveSim> = active

    /**
     * The line of a subscription. Some phones do not say to which subscription an SMS came: with one SIM in there is no doubt, with
     * two there is no answer, because a guess would prove the wrong number.
     */
    fun lineOf(subscription: Int): Line? {
        val known = active.find { it.subscription == subscription }
        return (known ?: active.singleOrNull()?.takeIf { subscription < 0 })?.line
    }

    /** The subscription of a line; null where the line is absent or its SIM is gone. */
    fun subscriptionOf(line: Line?): Int? = active.find { it.line == line }?.subscription

    /** What the user calls a line. */
    fun nameOf(line: Line): String = active.find { it.line == line }?.name.orAbsent() ?: "SIM ${line.toInt() + 1}"

    /** What the core is told. */
    fun slots(): List<SimSlot> = active.map { sim ->
        SimSlot(
            line = sim.line,
            number = sim.numbers.firstNotNullOfOrNull { it.orAbsent() },
            imsi = sim.imsi.orAbsent(),
            country = sim.country.orAbsent()?.uppercase().orEmpty(),
        )
    }
}

val ActiveSim.line: Line get() = slot.toUByte()

/** Android says "unknown" with an empty string as often as with null; to the core only null is absent. */
fun String?.orAbsent(): String? = this?.trim()?.takeIf { it.isNotEmpty() }
