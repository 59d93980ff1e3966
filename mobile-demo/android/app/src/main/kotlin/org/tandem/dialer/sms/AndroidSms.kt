package org.tandem.dialer.sms

import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.telephony.SmsManager
import org.tandem.dialer.service
import org.tandem.dialer.sim.Sims
import org.tandem.ffi.HostException
import org.tandem.ffi.Line
import org.tandem.ffi.SmsPort
import org.tandem.ffi.Ticket

/** Sends SMS. What becomes of each part comes back to [SmsSentReceiver]. */
class AndroidSms(private val context: Context, private val sims: Sims, private val orders: SmsOrders) : SmsPort {
    private val default = context.service<SmsManager>()

    override fun send(ticket: Ticket, line: Line?, to: String, body: String) {
        val manager = managerOf(line)
        val parts = manager.divideMessage(body)
        orders.begin(ticket, parts.size)
        val sent = ArrayList(parts.indices.map { sentIntent(ticket, it) })
        try {
            manager.sendMultipartTextMessage(to, null, parts, sent, null)
        } catch (notAllowed: SecurityException) {
            throw HostException.Locked()
        } catch (notPossible: UnsupportedOperationException) {
            throw HostException.Unsupported()
        } catch (badAddress: IllegalArgumentException) {
            throw HostException.Failed()
        }
    }

    /** A line whose SIM is gone must not send from another number. */
    private fun managerOf(line: Line?): SmsManager {
        if (line == null) return default
        val subscription = sims.subscriptionOf(line) ?: throw HostException.Failed()
        return default.createForSubscriptionId(subscription)
    }

    /** The address makes each intent its own: extras alone would make all of them one. */
    private fun sentIntent(ticket: Ticket, part: Int): PendingIntent {
        val intent = Intent(context, SmsSentReceiver::class.java).setData(Uri.parse("tandem-sms:$ticket/$part"))
        return PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_ONE_SHOT)
    }
}
