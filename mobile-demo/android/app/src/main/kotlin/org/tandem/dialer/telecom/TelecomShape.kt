package org.tandem.dialer.telecom

import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.CoreInterface

/** A data call in Telecom's words. */
enum class TelecomState { DIALING, RINGING, ACTIVE, HELD, ENDED }

/** How it ended, in Telecom's words. */
enum class TelecomCause { LOCAL, REMOTE, CANCELED, REJECTED, BUSY, MISSED, ANSWERED_ELSEWHERE, ERROR, OTHER }

data class TelecomShape(val state: TelecomState, val cause: TelecomCause? = null)

/**
 * How a call of the core looks to Telecom. Null while it is none yet: until both paths are checked nothing rings, and Telecom must not
 * hold another call for an attempt that may end in a question.
 */
fun shapeOf(view: CallView): TelecomShape? = when (val state = view.state) {
    is CallState.Checking, is CallState.Asking -> null
    is CallState.Calling -> TelecomShape(TelecomState.DIALING)
    is CallState.Ringing -> TelecomShape(if (view.outgoing) TelecomState.DIALING else TelecomState.RINGING)
    is CallState.Connecting, is CallState.Active, is CallState.Reconnecting ->
        TelecomShape(if (view.held) TelecomState.HELD else TelecomState.ACTIVE)
    // The carrier's leg is Telecom's own call; ours makes room for it.
    is CallState.Carrier -> TelecomShape(TelecomState.ENDED, TelecomCause.OTHER)
    is CallState.Ended -> TelecomShape(TelecomState.ENDED, causeOf(state.end))
}

private fun causeOf(end: CallEnd): TelecomCause = when (end) {
    CallEnd.HUNG_UP, CallEnd.QUIT -> TelecomCause.LOCAL
    CallEnd.PEER_HUNG_UP -> TelecomCause.REMOTE
    CallEnd.CANCELLED -> TelecomCause.CANCELED
    CallEnd.REFUSED -> TelecomCause.REJECTED
    CallEnd.BUSY -> TelecomCause.BUSY
    CallEnd.NO_ANSWER -> TelecomCause.REMOTE
    CallEnd.MISSED -> TelecomCause.MISSED
    CallEnd.SUPERSEDED -> TelecomCause.ANSWERED_ELSEWHERE
    CallEnd.CARRIER -> TelecomCause.OTHER
    CallEnd.MEDIA_LOST, CallEnd.PEER_LOST, CallEnd.REJECTED, CallEnd.CARRIER_FAILED -> TelecomCause.ERROR
}

/** What Telecom, a headset or a car asks of a data call. */
enum class TelecomAsk { ANSWER, REJECT, DISCONNECT, ABORT, HOLD, UNHOLD }

/** The same to the core. */
suspend fun CoreInterface.obey(ask: TelecomAsk, call: String) = when (ask) {
    TelecomAsk.ANSWER -> accept(call)
    TelecomAsk.REJECT -> refuse(call)
    TelecomAsk.DISCONNECT, TelecomAsk.ABORT -> hangUp(call)
    TelecomAsk.HOLD -> hold(call, true)
    TelecomAsk.UNHOLD -> hold(call, false)
}
