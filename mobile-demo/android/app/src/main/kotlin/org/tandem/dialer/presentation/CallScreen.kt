package org.tandem.dialer.presentation

import org.tandem.ffi.CallState
import org.tandem.ffi.CallView

/** What a button of the call screen does. */
enum class CallButton(val text: String) {
    ACCEPT("Answer"),
    REFUSE("Refuse"),
    HANG_UP("Hang up"),
    MUTE("Mute"),
    UNMUTE("Unmute"),
    HOLD("Hold"),
    UNHOLD("Go on"),
    CLOSE("Close"),
}

/** A call as its screen shows it. */
data class CallScreen(val title: String, val state: String, val buttons: List<CallButton>)

/** [stateText] gives the core's words for what a call does; [nameOf] the contact's name. */
fun callScreen(
    view: CallView,
    muted: Boolean,
    nameOf: (String) -> String?,
    stateText: (CallState) -> String,
): CallScreen = CallScreen(
    title = nameOf(view.peer) ?: view.peer,
    state = ownWords(view) ?: stateText(view.state),
    buttons = buttons(view, muted),
)

/** Where the state alone does not say what the user sees: who rings, and who holds. */
private fun ownWords(view: CallView): String? = when {
    view.state is CallState.Ringing && !view.outgoing -> "Incoming call over data"
    view.state !is CallState.Active -> null
    view.held -> "On hold"
    view.heldByPeer -> "You are on hold"
    else -> null
}

private fun buttons(view: CallView, muted: Boolean): List<CallButton> = when (view.state) {
    is CallState.Checking, is CallState.Asking, is CallState.Calling -> listOf(CallButton.HANG_UP)
    is CallState.Ringing ->
        if (view.outgoing) listOf(CallButton.HANG_UP) else listOf(CallButton.ACCEPT, CallButton.REFUSE)
    is CallState.Connecting, is CallState.Active, is CallState.Reconnecting -> listOf(
        if (muted) CallButton.UNMUTE else CallButton.MUTE,
        if (view.held) CallButton.UNHOLD else CallButton.HOLD,
        CallButton.HANG_UP,
    )
    // The phone's own call screen ends a carrier call.
    is CallState.Carrier, is CallState.Ended -> listOf(CallButton.CLOSE)
}
