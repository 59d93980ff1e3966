package org.tandem.dialer.presentation

import org.tandem.dialer.telephony.CarrierState

/** A carrier call as the screen needs it. */
data class CarrierCallView(val key: Int, val number: String, val state: CarrierState, val muted: Boolean)

/** A carrier call on the same screen as a data call: who holds the dialer role draws both. */
fun carrierScreen(view: CarrierCallView, nameOf: (String) -> String?): CallScreen = CallScreen(
    title = nameOf(view.number) ?: view.number.ifEmpty { "Unknown number" },
    state = when (view.state) {
        CarrierState.DIALING -> "Calling with your carrier…"
        CarrierState.RINGING -> "Incoming carrier call"
        CarrierState.ACTIVE -> "Talking with your carrier"
        CarrierState.HELD -> "On hold"
        CarrierState.ENDED -> "Ended"
    },
    buttons = when (view.state) {
        CarrierState.RINGING -> listOf(CallButton.ACCEPT, CallButton.REFUSE)
        CarrierState.DIALING -> listOf(mute(view), CallButton.HANG_UP)
        CarrierState.ACTIVE -> listOf(mute(view), CallButton.HOLD, CallButton.HANG_UP)
        CarrierState.HELD -> listOf(mute(view), CallButton.UNHOLD, CallButton.HANG_UP)
        CarrierState.ENDED -> listOf(CallButton.CLOSE)
    },
)

private fun mute(view: CarrierCallView) = if (view.muted) CallButton.UNMUTE else CallButton.MUTE
