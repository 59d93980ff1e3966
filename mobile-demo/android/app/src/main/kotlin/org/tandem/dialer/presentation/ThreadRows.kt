package org.tandem.dialer.presentation

import org.tandem.ffi.Bearer
import org.tandem.ffi.TextId
import org.tandem.ffi.TextStatus
import org.tandem.ffi.ThreadEntry
import org.tandem.ffi.ThreadItem

/** What can be done with a text of mine. */
enum class TextButton(val text: String) {
    TO_SMS("Send as SMS"),
    CANCEL("Take back"),
    OTHER_APP("Open the texting app"),
}

/** One text of a conversation, as shown. */
data class ThreadRow(
    val position: ULong,
    val id: TextId,
    val mine: Boolean,
    val body: String,
    val note: String,
    val buttons: List<TextButton>,
    /** To be reported as read once it is seen. */
    val unread: Boolean,
    val at: Long,
)

/** A page of a conversation, the newest at the bottom. [statusText] gives the core's words for where a text of mine stands. */
fun threadRows(newestFirst: List<ThreadItem>, statusText: (TextStatus) -> String): List<ThreadRow> = newestFirst.asReversed().map { item ->
    when (val entry = item.text) {
        is ThreadEntry.Written -> ThreadRow(
            position = item.position,
            id = entry.text.id,
            mine = true,
            body = entry.text.body,
            note = statusText(entry.text.status),
            buttons = textButtons(entry.text.status),
            unread = false,
            at = entry.text.writtenAt,
        )
        is ThreadEntry.Received -> ThreadRow(
            position = item.position,
            id = entry.text.id,
            mine = false,
            body = entry.text.body ?: "This text could not be opened.",
            note = listOfNotNull(
                missingText(entry.text.gapBefore),
                "SMS".takeIf { entry.text.bearer == Bearer.CARRIER },
            ).joinToString(" · "),
            buttons = emptyList(),
            unread = !entry.read,
            at = entry.text.sentAt,
        )
    }
}

private fun missingText(gap: ULong): String? = when (gap) {
    0UL -> null
    1UL -> "A text before this is missing"
    else -> "$gap texts before this are missing"
}

private fun textButtons(status: TextStatus): List<TextButton> = when (status) {
    is TextStatus.Stored, is TextStatus.Pending -> listOf(TextButton.TO_SMS, TextButton.CANCEL)
    // The carrier may take it the second time; an app that may not send SMS hands it to one that may.
    is TextStatus.SmsFailed -> listOf(TextButton.TO_SMS, TextButton.OTHER_APP)
    is TextStatus.Ended, is TextStatus.CarrierSms, is TextStatus.Refused, is TextStatus.LeftBehind -> emptyList()
}
