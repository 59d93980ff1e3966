package org.tandem.dialer.telephony

import org.tandem.ffi.CarrierCallState
import org.tandem.ffi.Ticket

/** What a carrier call does, in the OS's words. */
enum class CarrierState { DIALING, RINGING, ACTIVE, HELD, ENDED }

/**
 * Follows all carrier calls of the phone and tells the core what it must know: of each call it ordered by its ticket, and of all others
 * together, because the core keeps one state for them. Two strangers' calls are over when both are.
 */
class CarrierCalls(private val tell: (Ticket?, CarrierCallState) -> Unit) {
    private val ours = HashMap<Any, Ticket>()
    private val others = LinkedHashMap<Any, CarrierState>()
    private val told = HashMap<Ticket?, CarrierCallState>()

    /** A call is new or does something else. [call] is any key that stays the same; [ticket] is what the core had it dialed under. */
    @Synchronized
    fun changed(call: Any, ticket: Ticket?, state: CarrierState) {
        val ordered = ticket ?: ours[call]
        if (ordered == null) return otherChanged(call, state)
        ours[call] = ordered
        inCoresWords(state)?.let { tellOnce(ordered, it) }
        if (state == CarrierState.ENDED) {
            ours.remove(call)
            told.remove(ordered)
        }
    }

    private fun otherChanged(call: Any, state: CarrierState) {
        if (state == CarrierState.ENDED) others.remove(call) else others[call] = state
        val words = others.values.mapNotNull(::inCoresWords)
        val all = when {
            CarrierCallState.ACTIVE in words -> CarrierCallState.ACTIVE
            CarrierCallState.RINGING in words -> CarrierCallState.RINGING
            else -> CarrierCallState.ENDED
        }
        if (all != CarrierCallState.ENDED || told.containsKey(null)) tellOnce(null, all)
        if (all == CarrierCallState.ENDED) told.remove(null)
    }

    private fun tellOnce(ticket: Ticket?, state: CarrierCallState) {
        if (told.put(ticket, state) != state) tell(ticket, state)
    }

    /** A held call goes on. One that is being dialed is nothing yet: the core has no word for it, and it rings nowhere here. */
    private fun inCoresWords(state: CarrierState): CarrierCallState? = when (state) {
        CarrierState.DIALING -> null
        CarrierState.RINGING -> CarrierCallState.RINGING
        CarrierState.ACTIVE, CarrierState.HELD -> CarrierCallState.ACTIVE
        CarrierState.ENDED -> CarrierCallState.ENDED
    }
}
