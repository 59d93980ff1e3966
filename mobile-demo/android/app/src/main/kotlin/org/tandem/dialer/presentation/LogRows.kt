package org.tandem.dialer.presentation

import org.tandem.ffi.Bearer
import org.tandem.ffi.CallEnd
import org.tandem.ffi.LogEntry
import org.tandem.ffi.LogPeer
import org.tandem.ffi.Target
import org.tandem.ffi.WhyNotData

/** One conversation of the call log, as shown. */
data class LogRow(val id: ULong, val title: String, val note: String, val at: Long, val target: Target)

/** [whyText] and [endText] are the core's words. */
fun logRows(
    newestFirst: List<LogEntry>,
    nameOf: (String) -> String?,
    whyText: (WhyNotData) -> String,
    endText: (CallEnd) -> String,
): List<LogRow> = newestFirst.map { entry ->
    val digits = when (val peer = entry.peer) {
        is LogPeer.Number -> peer.number
        is LogPeer.Dialed -> peer.digits
    }
    val legs = entry.legs.map { leg ->
        val by = if (leg.bearer == Bearer.DATA) "data" else "carrier"
        listOfNotNull("$by ${duration(leg.talkedMs)}".trim(), leg.why?.let(whyText)).joinToString(": ")
    }
    LogRow(
        id = entry.id,
        title = (if (entry.outgoing) "→ " else "← ") + (nameOf(digits) ?: digits),
        note = (legs + listOfNotNull(entry.end?.let(endText))).joinToString(" · "),
        at = entry.startedAt,
        target = Target.Number(digits),
    )
}

/** Minutes and seconds; nothing for a leg on which nobody talked. */
fun duration(talkedMs: ULong): String {
    val seconds = (talkedMs / 1000UL).toLong()
    return if (seconds == 0L) "" else "%d:%02d".format(seconds / 60, seconds % 60)
}
