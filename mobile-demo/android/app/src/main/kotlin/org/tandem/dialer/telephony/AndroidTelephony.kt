package org.tandem.dialer.telephony

import org.tandem.dialer.host.CarrierDesk
import org.tandem.dialer.host.HostVoice
import org.tandem.ffi.HostReply
import org.tandem.ffi.Line
import org.tandem.ffi.TelephonyPort
import org.tandem.ffi.Ticket

/** Takes the core's orders to dial. May be called from two threads of the core, when one of them hangs. */
class AndroidTelephony(private val desk: CarrierDesk, private val voice: HostVoice) : TelephonyPort {
    override fun dial(ticket: Ticket, line: Line?, digits: String) {
        val ok = desk.dialForCore(ticket, line, digits)
        if (ticket != NOBODYS) voice.reply(ticket, HostReply.CarrierDialed(ok))
    }

    private companion object {
        val NOBODYS: Ticket = 0UL
    }
}
