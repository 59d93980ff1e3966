package org.tandem.dialer.ui

import android.content.Intent
import android.os.Bundle
import android.text.format.DateUtils
import android.view.View
import android.widget.LinearLayout
import kotlinx.coroutines.launch
import org.tandem.dialer.presentation.ConversationRow
import org.tandem.dialer.presentation.Conversations
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.conversationRows
import org.tandem.ffi.TandemException
import org.tandem.ffi.textStatusText

/** Everybody there are texts with, contact or not. */
class ConversationsActivity : TandemActivity() {
    private val conversations = Conversations { host.core }
    private lateinit var list: LinearLayout
    private lateinit var more: View
    private var read = -1L

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        list = column()
        more = button("Older") { reading { more() } }
        setContentView(scrolling(column(list, more)))
    }

    /** No event tells that texts were read, in a thread that was open meanwhile. */
    override fun onStart() {
        read = -1L
        super.onStart()
        follow(host.contacts) { draw() }
    }

    override fun show(shown: Shown) {
        if (shown.threadsChanged == read) return
        read = shown.threadsChanged
        reading { refresh() }
    }

    private fun reading(read: suspend Conversations.() -> Unit) {
        host.scope.launch {
            try {
                conversations.read()
            } catch (no: TandemException) {
                return@launch
            }
            draw()
        }
    }

    private fun draw() {
        list.removeAllViews()
        conversationRows(conversations.shown, host::nameOf, ::textStatusText).forEach { list.addView(viewOf(it)) }
        more.visibility = if (conversations.hasMore) View.VISIBLE else View.GONE
    }

    private fun viewOf(row: ConversationRow): View {
        val at = DateUtils.getRelativeTimeSpanString(row.at)
        return column(words(row.title), words(row.words), words("$at  ${row.note}"), button("Open") { open(row) })
    }

    private fun open(row: ConversationRow) =
        startActivity(Intent(this, ThreadActivity::class.java).putExtra(ThreadActivity.EXTRA_PEER, row.peer))
}
