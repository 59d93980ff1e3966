package org.tandem.dialer.sms

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.provider.Telephony
import android.telephony.SubscriptionManager
import org.tandem.dialer.TandemApplication
import org.tandem.ffi.HostEvent

/**
 * An SMS came: told to the core by the line it came to. The broadcast may have started the process; what is told before the core is
 * there waits for it. It stays in the phone's inbox: this is not the texting app.
 */
class SmsReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        if (intent.action != Telephony.Sms.Intents.SMS_RECEIVED_ACTION) return
        val parts = Telephony.Sms.Intents.getMessagesFromIntent(intent).orEmpty().filterNotNull()
        val sms = joined(parts.map { SmsPart(it.displayOriginatingAddress, it.displayMessageBody) }) ?: return
        val subscription = intent.getIntExtra(
            SubscriptionManager.EXTRA_SUBSCRIPTION_INDEX,
            intent.getIntExtra("subscription", SubscriptionManager.INVALID_SUBSCRIPTION_ID),
        )
        val host = TandemApplication.of(context).host
        val line = host.lineOf(subscription) ?: return
        host.voice.tell(HostEvent.SmsReceived(line, sms.from, sms.body))
    }
}
