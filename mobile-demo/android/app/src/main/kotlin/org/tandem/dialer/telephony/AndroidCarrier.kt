package org.tandem.dialer.telephony

import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.telecom.PhoneAccount
import android.telecom.TelecomManager
import org.tandem.dialer.host.CarrierDialer
import org.tandem.dialer.service
import org.tandem.ffi.Line
import org.tandem.ffi.Ticket

/** Dials through the phone's own telephony. */
class AndroidCarrier(
    private val context: Context,
    private val accounts: PhoneAccounts,
    private val dialedUnseen: (Ticket) -> Unit,
) : CarrierDialer {
    private val telecom = context.service<TelecomManager>()

    override fun dial(ticket: Ticket?, line: Line?, digits: String): Boolean {
        // A part that escapes "#" and "*": MMI codes hold them.
        val address = Uri.fromParts(PhoneAccount.SCHEME_TEL, digits, null)
        return try {
            if (ticket != null) dialedUnseen(ticket)
            telecom.placeCall(address, extras(ticket, line))
            true
        } catch (notAllowed: SecurityException) {
            handOver(address)
        }
    }

    /** The ticket travels with the call and is read where it comes back: in [CarrierInCallService]. */
    private fun extras(ticket: Ticket?, line: Line?) = Bundle().apply {
        accounts.of(line)?.let { putParcelable(TelecomManager.EXTRA_PHONE_ACCOUNT_HANDLE, it) }
        if (ticket == null) return@apply
        putBundle(TelecomManager.EXTRA_OUTGOING_CALL_EXTRAS, Bundle().apply { putLong(EXTRA_TICKET, ticket.toLong()) })
    }

    /** Without CALL_PHONE the phone's dialer opens with the digits and the user presses its button. */
    private fun handOver(address: Uri): Boolean = try {
        context.startActivity(Intent(Intent.ACTION_DIAL, address).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        true
    } catch (noDialer: ActivityNotFoundException) {
        false
    }

    companion object {
        const val EXTRA_TICKET = "org.tandem.dialer.TICKET"
    }
}
