package org.tandem.dialer.telephony

import android.content.Context
import android.telephony.TelephonyCallback
import android.telephony.TelephonyManager
import android.telephony.emergency.EmergencyNumber
import java.util.concurrent.Executor
import org.tandem.dialer.host.HostVoice
import org.tandem.dialer.service
import org.tandem.ffi.HostEvent

/** The emergency numbers of where the phone is now, to the core and to whoever dials past it. */
class EmergencyWatch(context: Context, private val executor: Executor, private val voice: HostVoice) {
    private val telephony = context.service<TelephonyManager>()

    private val listener = object : TelephonyCallback(), TelephonyCallback.EmergencyNumberListListener {
        override fun onEmergencyNumberListChanged(lists: Map<Int, List<EmergencyNumber>>) = tell(lists)
    }

    /** Whether these digits are an emergency here and now, by the OS. The core has its own built-in list besides. */
    fun isEmergency(digits: String): Boolean = try {
        digits.isNotEmpty() && telephony.isEmergencyNumber(digits)
    } catch (notReady: IllegalStateException) {
        false
    } catch (noTelephony: UnsupportedOperationException) {
        false
    }

    /** Again is fine. */
    fun begin() {
        try {
            telephony.registerTelephonyCallback(executor, listener)
            tell(telephony.emergencyNumberList)
        } catch (notAllowed: SecurityException) {
            // Without READ_PHONE_STATE the core's built-in list stands alone, and [isEmergency] needs no permission.
        } catch (notReady: IllegalStateException) {
            // The listener tells once telephony is up.
        } catch (noTelephony: UnsupportedOperationException) {
            // A tablet: nothing to tell.
        }
    }

    /** By SIM; the core keeps one list, and a number that is an emergency for either SIM is one. */
    private fun tell(lists: Map<Int, List<EmergencyNumber>>) {
        val numbers = lists.values.flatten().map { it.number }.distinct().sorted()
        if (numbers.isNotEmpty()) voice.tell(HostEvent.EmergencyNumbers(numbers))
    }
}
