package org.tandem.dialer.sim

import android.content.Context
import android.telephony.SubscriptionManager
import java.util.concurrent.Executor
import org.tandem.dialer.host.HostVoice
import org.tandem.dialer.service
import org.tandem.ffi.HostEvent

/** Tells the core when a SIM came, went or changed. The OS tells once at the start too, and often for nothing: looking again is cheap. */
class SimWatch(context: Context, private val executor: Executor, private val voice: HostVoice) {
    private val subscriptions = context.service<SubscriptionManager>()

    private val listener = object : SubscriptionManager.OnSubscriptionsChangedListener() {
        override fun onSubscriptionsChanged() = voice.tell(HostEvent.SimsChanged)
    }

    /** Again is fine. */
    fun begin() = try {
        subscriptions.addOnSubscriptionsChangedListener(executor, listener)
    } catch (notAllowed: SecurityException) {
        // Begun again after the user has allowed it.
    }
}
