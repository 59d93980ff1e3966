package org.tandem.dialer.telephony

import android.content.Context
import android.telecom.PhoneAccountHandle
import android.telecom.TelecomManager
import android.telephony.TelephonyManager
import org.tandem.dialer.service
import org.tandem.dialer.sim.Sims
import org.tandem.ffi.Line

/** Which of Telecom's phone accounts is which SIM. */
class PhoneAccounts(context: Context, private val sims: Sims) {
    private val telecom = context.service<TelecomManager>()
    private val telephony = context.service<TelephonyManager>()

    /** Null where the line is absent or has no account (any more): the OS then takes its default or asks. */
    fun of(line: Line?): PhoneAccountHandle? {
        val subscription = sims.subscriptionOf(line) ?: return null
        return try {
            telecom.callCapablePhoneAccounts.find { telephony.getSubscriptionId(it) == subscription }
        } catch (notAllowed: SecurityException) {
            null
        } catch (noTelephony: UnsupportedOperationException) {
            null
        }
    }
}
