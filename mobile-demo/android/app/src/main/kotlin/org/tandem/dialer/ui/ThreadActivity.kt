package org.tandem.dialer.ui

import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.widget.EditText
import android.widget.LinearLayout
import kotlinx.coroutines.launch
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.TextButton
import org.tandem.dialer.presentation.ThreadRow
import org.tandem.dialer.presentation.threadRows
import org.tandem.ffi.Mode
import org.tandem.ffi.Msisdn
import org.tandem.ffi.Outcome
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.textStatusText

/** The texts with one number. */
class ThreadActivity : TandemActivity() {
    private lateinit var peer: Msisdn
    private lateinit var list: LinearLayout
    private lateinit var text: EditText
    private var read = -1L

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        peer = intent.getStringExtra(EXTRA_PEER).orEmpty()
        list = column()
        text = field("Text over data", InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_MULTI_LINE)
        setContentView(column(
            words(host.nameOf(peer) ?: peer, large = true),
            scrolling(list).filling(),
            row(text.growing(), button("Send", ::send)),
        ))
    }

    override fun show(shown: Shown) {
        if (shown.threadsChanged == read) return
        read = shown.threadsChanged
        host.scope.launch {
            val rows = try {
                threadRows(host.core?.thread(peer, null, PAGE).orEmpty(), ::textStatusText)
            } catch (no: TandemException) {
                return@launch
            }
            list.removeAllViews()
            rows.forEach { list.addView(viewOf(it)) }
            seen(rows)
        }
    }

    private fun viewOf(row: ThreadRow): View {
        val buttons = row()
        row.buttons.forEach { which -> buttons.addView(button(which.text) { press(which, row) }) }
        return column(words(row.body), words(row.note), buttons).apply { gravity = if (row.mine) Gravity.END else Gravity.START }
    }

    private fun press(button: TextButton, row: ThreadRow) = when (button) {
        TextButton.TO_SMS -> command { textToSms(row.id) }
        TextButton.CANCEL -> command { cancelText(row.id) }
        TextButton.OTHER_APP -> openTextingApp(row.body)
    }

    /** The words leave the field once the core keeps them: what it refuses, or asks about first, stays. */
    private fun send() {
        val body = text.text.toString()
        command {
            val outcome = sendText(Target.Number(peer), null, body, Mode.DATA)
            if (outcome is Outcome.Text && text.text.toString() == body) text.setText("")
        }
    }

    private fun seen(rows: List<ThreadRow>) {
        val unread = rows.filter { it.unread }.map { it.id }
        if (unread.isNotEmpty()) command { markRead(peer, unread) }
    }

    private fun openTextingApp(body: String) = try {
        startActivity(Intent(Intent.ACTION_SENDTO, Uri.fromParts("smsto", peer, null)).putExtra("sms_body", body))
    } catch (none: ActivityNotFoundException) {
        say("This phone has no texting app.")
    }

    companion object {
        const val EXTRA_PEER = "org.tandem.dialer.PEER"
        private const val PAGE = 100U
    }
}
