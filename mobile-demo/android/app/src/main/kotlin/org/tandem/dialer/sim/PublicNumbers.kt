package org.tandem.dialer.sim

import android.content.Context
import android.telephony.SubscriptionManager
import org.tandem.dialer.service

/** The numbers of a SIM by the public API; each source may know another one, or none. */
class PublicNumbers(context: Context) {
    private val subscriptions = context.service<SubscriptionManager>()

    fun of(subscription: Int): List<String?> = try {
        SOURCES.map { subscriptions.getPhoneNumber(subscription, it) }
    } catch (notAllowed: SecurityException) {
        emptyList()
    } catch (noTelephony: UnsupportedOperationException) {
        emptyList()
    }

    private companion object {
        /** What the carrier set itself, what its IMS told, and last what is written on the SIM: anybody can write that. */
        val SOURCES = listOf(
            SubscriptionManager.PHONE_NUMBER_SOURCE_CARRIER,
            SubscriptionManager.PHONE_NUMBER_SOURCE_IMS,
            SubscriptionManager.PHONE_NUMBER_SOURCE_UICC,
        )
    }
}
