package org.tandem.dialer.ui

import android.app.role.RoleManager
import android.content.Intent
import android.os.Bundle
import android.text.Editable
import android.text.InputType
import android.text.TextWatcher
import android.view.View
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView
import org.tandem.dialer.host.Permissions
import org.tandem.dialer.presentation.ContactRow
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.contactRows
import org.tandem.dialer.service
import org.tandem.dialer.telecom.StandbyService
import org.tandem.ffi.Mode
import org.tandem.ffi.Target

/** The contacts with their marks, a field for names and numbers, and the way to everything else. */
class ContactsActivity : TandemActivity() {
    private lateinit var search: EditText
    private lateinit var status: TextView
    private lateinit var list: LinearLayout
    private lateinit var dialButton: View

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        search = field("Name or number", InputType.TYPE_CLASS_TEXT)
        status = words("")
        list = column()
        dialButton = button("Dial") { call(Target.Number(search.text.toString()), Mode.CARRIER) }
        setContentView(column(
            row(
                button("Register") { open(RegistrationActivity::class.java) },
                button("Texts") { open(ConversationsActivity::class.java) },
                button("Log") { open(LogActivity::class.java) },
            ),
            status,
            row(search.growing(), dialButton),
            scrolling(list).filling(),
        ))
        search.addTextChangedListener(object : TextWatcher {
            override fun beforeTextChanged(text: CharSequence?, start: Int, count: Int, after: Int) = Unit
            override fun onTextChanged(text: CharSequence?, start: Int, before: Int, count: Int) = Unit
            override fun afterTextChanged(text: Editable?) = show(host.screen.shown.value)
        })
        dialed(intent)
        askForRights()
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        dialed(intent)
    }

    override fun onStart() {
        super.onStart()
        follow(host.contacts) { show(host.screen.shown.value) }
    }

    override fun show(shown: Shown) {
        status.text = shown.stopped ?: if (shown.online.isEmpty()) "Not connected" else "Reachable over data"
        list.removeAllViews()
        val wanted = search.text.toString()
        dialButton.visibility = if (wanted.any(Char::isDigit)) View.VISIBLE else View.GONE
        contactRows(host.contacts.value, shown.marks, host.numbers::of, wanted).take(ROWS_MAX).forEach { list.addView(viewOf(it)) }
    }

    private fun viewOf(row: ContactRow): View {
        val buttons = row()
        if (row.overData) {
            buttons.addView(button("Call over data") { call(row.target, Mode.DATA) })
            buttons.addView(button("Text over data") { write(row) })
        }
        // The first number is the one the card shows first.
        val first = Target.Number(row.contact.numbers.first())
        buttons.addView(button("Carrier call") { call(first, Mode.CARRIER) })
        return column(words("${row.contact.name}  ${row.badge}"), buttons)
    }

    private fun write(row: ContactRow) {
        val peer = row.peer ?: return
        startActivity(Intent(this, ThreadActivity::class.java).putExtra(ThreadActivity.EXTRA_PEER, peer))
    }

    /** Another app, or the home screen, hands over a number: the user sees it before it is dialed. */
    private fun dialed(intent: Intent) {
        if (intent.action != Intent.ACTION_DIAL && intent.action != Intent.ACTION_VIEW) return
        intent.data?.schemeSpecificPart?.let { search.setText(it) }
    }

    private fun askForRights() {
        val roles = service<RoleManager>()
        if (roles.isRoleAvailable(RoleManager.ROLE_DIALER) && !roles.isRoleHeld(RoleManager.ROLE_DIALER)) {
            startActivityForResult(roles.createRequestRoleIntent(RoleManager.ROLE_DIALER), ASK)
        }
        val missing = Permissions.missing(this)
        if (missing.isNotEmpty()) requestPermissions(missing.toTypedArray(), ASK)
        StandbyService.begin(this, inCall = false)
    }

    override fun onRequestPermissionsResult(asked: Int, permissions: Array<String>, results: IntArray) = host.allowed()

    private fun open(screen: Class<*>) = startActivity(Intent(this, screen))

    private companion object {
        const val ASK = 1

        /** A list that recycles its rows is a library's; this many plain rows are quick to build. */
        const val ROWS_MAX = 200
    }
}
