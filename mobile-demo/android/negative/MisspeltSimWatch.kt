package org.tandem.dialer.negative

import android.content.Context
import android.telephony.SubscriptionManager
import java.util.concurrent.Executor
import org.tandem.dialer.host.HostVoice
import org.tandem.dialer.service
import org.tandem.ffi.HostEvent

/**
 * Must not compile, for one reason: `addOnSubscriptionsChangedListner` is no name of the framework's. It is `SimWatch` in small;
 * everything else in it is right, so that a compile check that has lost sight of the framework, or of the core's API, is noticed.
 */
class MisspeltSimWatch(context: Context, private val executor: Executor, private val voice: HostVoice) {
    private val subscriptions = context.service<SubscriptionManager>()

    private val listener = object : SubscriptionManager.OnSubscriptionsChangedListener() {
        override fun onSubscriptionsChanged() = voice.tell(HostEvent.SimsChanged)
    }

    fun begin() = subscriptions.addOnSubscriptionsChangedListner(executor, listener)
}
