package org.tandem.dialer.sim

import android.content.Context
import android.telephony.SubscriptionInfo
import android.telephony.SubscriptionManager
import android.telephony.TelephonyManager
import org.tandem.dialer.service
import org.tandem.ffi.HostException
import org.tandem.ffi.SimPort
import org.tandem.ffi.SimSlot

/** Reads the SIMs from the OS. */
class AndroidSims(context: Context, private val sims: Sims, private val identity: Identity) : SimPort {
    private val subscriptions = context.service<SubscriptionManager>()
    private val telephony = context.service<TelephonyManager>()

    override fun slots(): List<SimSlot> {
        try {
            look()
        } catch (notAllowed: SecurityException) {
            // Asked again after the user has allowed it.
            throw HostException.Locked()
        } catch (noTelephony: UnsupportedOperationException) {
            throw HostException.Unsupported()
        }
        return sims.slots()
    }

    private fun look() {
        // Null as well as empty when there is no SIM.
        val infos: List<SubscriptionInfo> = subscriptions.activeSubscriptionInfoList.orEmpty()
        sims.replace(infos.map(::simOf))
    }

    private fun simOf(info: SubscriptionInfo) = ActiveSim(
        subscription = info.subscriptionId,
        slot = info.simSlotIndex,
        name = info.displayName?.toString(),
        country = info.countryIso.orAbsent()
            ?: telephony.createForSubscriptionId(info.subscriptionId).simCountryIso,
        numbers = identity.numbers(info.subscriptionId),
        imsi = identity.imsi(info.subscriptionId),
    )
}
