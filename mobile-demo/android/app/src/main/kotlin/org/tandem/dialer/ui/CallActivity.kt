package org.tandem.dialer.ui

import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.LinearLayout
import org.tandem.dialer.presentation.CallButton
import org.tandem.dialer.presentation.CallScreen
import org.tandem.dialer.presentation.CarrierCallView
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.callScreen
import org.tandem.dialer.presentation.carrierScreen
import org.tandem.ffi.CallId
import org.tandem.ffi.CallView
import org.tandem.ffi.callStateText

/** The calls that are going on, over data and with the carrier, and how the last one ended. */
class CallActivity : TandemActivity() {
    private lateinit var list: LinearLayout

    /** The calls this screen is about, also once they are over. */
    private val was = HashSet<CallId>()
    private var awaited: CallId? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setShowWhenLocked(true)
        setTurnScreenOn(true)
        list = column()
        setContentView(scrolling(list))
        asked(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        asked(intent)
    }

    override fun onStart() {
        super.onStart()
        follow(host.ongoing.shown) { show(host.screen.shown.value) }
    }

    override fun show(shown: Shown) {
        list.removeAllViews()
        shown.calls.values.forEach { list.addView(viewOf(it)) }
        host.ongoing.shown.value.forEach { list.addView(viewOf(it)) }
        was += shown.calls.keys
        if (list.childCount == 0) shown.ended?.takeIf { it.call in was }?.let { list.addView(viewOf(it)) }
        // One that was asked for and has not shown itself yet is waited for.
        if (list.childCount == 0 && (awaited == null || awaited in was)) finish()
    }

    private fun viewOf(view: CallView): View =
        viewOf(callScreen(view, host.audio.isMuted(), host::nameOf, ::callStateText)) { press(it, view) }

    private fun viewOf(view: CarrierCallView): View =
        viewOf(carrierScreen(view, host::nameOf)) { press(it, view) }

    private fun viewOf(screen: CallScreen, press: (CallButton) -> Unit): View {
        val buttons = row()
        screen.buttons.forEach { which -> buttons.addView(button(which.text) { press(which) }) }
        return column(words(screen.title, large = true), words(screen.state), buttons)
    }

    private fun press(button: CallButton, view: CallView) = when (button) {
        CallButton.ACCEPT -> command { accept(view.call) }
        CallButton.REFUSE -> command { refuse(view.call) }
        CallButton.HANG_UP -> command { hangUp(view.call) }
        CallButton.HOLD -> command { hold(view.call, true) }
        CallButton.UNHOLD -> command { hold(view.call, false) }
        CallButton.MUTE -> mute(true)
        CallButton.UNMUTE -> mute(false)
        CallButton.CLOSE -> finish()
    }

    private fun press(button: CallButton, view: CarrierCallView) = when (button) {
        CallButton.ACCEPT -> host.ongoing.answer(view.key)
        CallButton.REFUSE -> host.ongoing.refuse(view.key)
        CallButton.HANG_UP -> host.ongoing.hangUp(view.key)
        CallButton.HOLD -> host.ongoing.hold(view.key, true)
        CallButton.UNHOLD -> host.ongoing.hold(view.key, false)
        CallButton.MUTE -> host.ongoing.mute(true)
        CallButton.UNMUTE -> host.ongoing.mute(false)
        CallButton.CLOSE -> finish()
    }

    /** The core knows nothing of muting: the host sends silence. */
    private fun mute(on: Boolean) {
        host.audio.mute(on)
        show(host.screen.shown.value)
    }

    private fun asked(intent: Intent) {
        val call = intent.getStringExtra(EXTRA_CALL) ?: return
        awaited = call
        when (intent.action) {
            ACTION_ACCEPT -> command { accept(call) }
            ACTION_REFUSE -> command { refuse(call) }
        }
    }

    companion object {
        const val EXTRA_CALL = "org.tandem.dialer.CALL"
        const val ACTION_ACCEPT = "org.tandem.dialer.ACCEPT"
        const val ACTION_REFUSE = "org.tandem.dialer.REFUSE"
    }
}
