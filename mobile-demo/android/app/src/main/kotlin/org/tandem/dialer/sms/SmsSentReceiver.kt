package org.tandem.dialer.sms

import android.app.Activity
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.tandem.dialer.TandemApplication

/** The radio says what became of a part of an SMS. */
class SmsSentReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val words = intent.data?.schemeSpecificPart?.split('/') ?: return
        val ticket = words.getOrNull(0)?.toULongOrNull() ?: return
        val part = words.getOrNull(1)?.toIntOrNull() ?: return
        TandemApplication.of(context).host.smsOrders.partSent(ticket, part, resultCode == Activity.RESULT_OK)
    }
}
