package org.tandem.dialer.ui

import android.os.Bundle
import android.text.format.DateUtils
import android.view.View
import android.widget.LinearLayout
import kotlinx.coroutines.launch
import org.tandem.dialer.presentation.LogRow
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.logRows
import org.tandem.ffi.Mode
import org.tandem.ffi.TandemException
import org.tandem.ffi.callEndText
import org.tandem.ffi.whyText

/** The call log: one entry a conversation, whatever carried it. */
class LogActivity : TandemActivity() {
    private lateinit var list: LinearLayout
    private var read = -1L

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        list = column()
        setContentView(scrolling(list))
    }

    override fun show(shown: Shown) {
        if (shown.logChanged == read) return
        read = shown.logChanged
        host.scope.launch {
            val rows = try {
                logRows(host.core?.callLog(null, PAGE).orEmpty(), host::nameOf, ::whyText, ::callEndText)
            } catch (no: TandemException) {
                return@launch
            }
            list.removeAllViews()
            rows.forEach { list.addView(viewOf(it)) }
        }
    }

    private fun viewOf(row: LogRow): View {
        val at = DateUtils.getRelativeTimeSpanString(row.at)
        return column(words(row.title), words("$at  ${row.note}"), button("Call again") { call(row.target, Mode.DATA) })
    }

    private companion object {
        const val PAGE = 100U
    }
}
