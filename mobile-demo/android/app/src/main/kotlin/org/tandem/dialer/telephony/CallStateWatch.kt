package org.tandem.dialer.telephony

import android.content.Context
import android.telephony.TelephonyCallback
import android.telephony.TelephonyManager
import java.util.concurrent.Executor
import org.tandem.dialer.service
import org.tandem.ffi.Ticket

/**
 * The little an app without the dialer role sees of carrier calls: the phone rings, is off hook, or idle. Off hook begins with the
 * dialing, so talking time in the log then holds the ringing too.
 */
class CallStateWatch(
    context: Context,
    private val executor: Executor,
    private val hasRole: () -> Boolean,
    private val calls: CarrierCalls,
) {
    private val telephony = context.service<TelephonyManager>()

    @Volatile
    private var ordered: Ticket? = null

    private val listener = object : TelephonyCallback(), TelephonyCallback.CallStateListener {
        override fun onCallStateChanged(state: Int) {
            // With the role the same calls are seen one by one.
            if (hasRole()) return
            when (state) {
                TelephonyManager.CALL_STATE_RINGING -> calls.changed(THE_PHONE, null, CarrierState.RINGING)
                TelephonyManager.CALL_STATE_OFFHOOK -> calls.changed(THE_PHONE, ordered, CarrierState.ACTIVE)
                TelephonyManager.CALL_STATE_IDLE -> {
                    calls.changed(THE_PHONE, ordered, CarrierState.ENDED)
                    ordered = null
                }
            }
        }
    }

    /** The core's order has just been dialed: the next time off hook is its call. */
    fun dialed(ticket: Ticket) {
        ordered = ticket
    }

    /** Again is fine. */
    fun begin() = try {
        telephony.registerTelephonyCallback(executor, listener)
    } catch (notAllowed: SecurityException) {
        // Begun again after the user has allowed it.
    }

    private companion object {
        const val THE_PHONE = "the phone"
    }
}
