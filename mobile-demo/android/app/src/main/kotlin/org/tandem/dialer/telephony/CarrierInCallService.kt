package org.tandem.dialer.telephony

import android.telecom.Call
import android.telecom.CallAudioState
import android.telecom.InCallService
import org.tandem.dialer.TandemApplication

/** The phone's carrier calls, which Telecom shows to the app that holds the dialer role, and to no other. */
class CarrierInCallService : InCallService() {
    private val callback = object : Call.Callback() {
        override fun onStateChanged(call: Call, state: Int) = tell(call)
    }

    private val host get() = TandemApplication.of(this).host

    override fun onCallAdded(call: Call) {
        // Data calls have their own connection and their own screen.
        if (call.details.hasProperty(Call.Details.PROPERTY_SELF_MANAGED)) return
        call.registerCallback(callback)
        host.ongoing.added(this, call)
        tell(call)
        host.showCallScreen()
    }

    override fun onCallRemoved(call: Call) {
        call.unregisterCallback(callback)
        // Telecom may take a call away without a last word about its state.
        host.carrierCalls.changed(call, ticketOf(call), CarrierState.ENDED)
        host.ongoing.removed(call)
    }

    @Deprecated("Replaced from API 34 on, where it is still called")
    override fun onCallAudioStateChanged(audioState: CallAudioState) = host.ongoing.muted(audioState.isMuted)

    private fun tell(call: Call) {
        stateOf(call)?.let { host.carrierCalls.changed(call, ticketOf(call), it) }
        host.ongoing.changed()
    }

    private fun ticketOf(call: Call) =
        call.details.intentExtras?.getLong(AndroidCarrier.EXTRA_TICKET, 0)?.takeIf { it != 0L }?.toULong()

    companion object {
        /** Null for moments between two states, which say nothing. */
        fun stateOf(call: Call): CarrierState? = when (call.details.state) {
            Call.STATE_NEW, Call.STATE_CONNECTING, Call.STATE_DIALING, Call.STATE_PULLING_CALL,
            Call.STATE_SELECT_PHONE_ACCOUNT,
            -> CarrierState.DIALING
            Call.STATE_RINGING, Call.STATE_SIMULATED_RINGING -> CarrierState.RINGING
            Call.STATE_ACTIVE -> CarrierState.ACTIVE
            Call.STATE_HOLDING -> CarrierState.HELD
            Call.STATE_DISCONNECTED -> CarrierState.ENDED
            else -> null
        }
    }
}
