package org.tandem.dialer.ui

import android.os.Bundle
import android.text.InputType
import android.view.View
import android.widget.EditText
import android.widget.LinearLayout
import org.tandem.dialer.presentation.RegistrationButton
import org.tandem.dialer.presentation.RegistrationCard
import org.tandem.dialer.presentation.RegistrationField
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.registrationCards
import org.tandem.dialer.sim.line
import org.tandem.dialer.sim.orAbsent
import org.tandem.ffi.Line
import org.tandem.ffi.resendText

/** Registers and unregisters the number of each SIM. */
class RegistrationActivity : TandemActivity() {
    private lateinit var list: LinearLayout
    private val fields = HashMap<Pair<Line, RegistrationField>, EditText>()
    private var drawn: List<RegistrationCard>? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        list = column()
        setContentView(scrolling(list))
    }

    override fun show(shown: Shown) {
        val cards = registrationCards(host.readSims().map { it.line }, shown.registrations, host.sims::nameOf, ::resendText)
        // Drawn anew only when it changed: what the user is typing stays.
        if (cards == drawn) return
        drawn = cards
        list.removeAllViews()
        if (cards.isEmpty()) list.addView(words("There is no SIM in this phone, or it may not be read."))
        cards.forEach { list.addView(viewOf(it)) }
        host.identity.degraded().forEach { list.addView(words(it.text)) }
    }

    private fun viewOf(card: RegistrationCard): View {
        val view = column(words(card.title, large = true), words(card.text))
        card.fields.forEach { which ->
            val type = if (which == RegistrationField.NUMBER) InputType.TYPE_CLASS_PHONE else InputType.TYPE_CLASS_NUMBER
            val before = fields[card.line to which]?.text
            val field = field(which.hint, type).apply { setText(before) }
            fields[card.line to which] = field
            view.addView(field)
        }
        card.buttons.forEach { which -> view.addView(button(which.text) { press(which, card.line) }) }
        return view
    }

    private fun press(button: RegistrationButton, line: Line) = when (button) {
        RegistrationButton.REGISTER -> typed(line, RegistrationField.NUMBER).let { command { register(line, it) } }
        RegistrationButton.CONFIRM -> command { confirmRegistration(line) }
        RegistrationButton.ENTER_CODE ->
            typed(line, RegistrationField.CODE).orEmpty().let { command { enterCode(line, it) } }
        RegistrationButton.RESEND -> command { resendSms(line) }
        RegistrationButton.CANCEL -> command { cancelRegistration(line) }
        RegistrationButton.UNREGISTER -> command { unregister(line) }
    }

    /** Nothing typed means: the number the SIM tells. */
    private fun typed(line: Line, which: RegistrationField): String? = fields[line to which]?.text?.toString().orAbsent()
}
