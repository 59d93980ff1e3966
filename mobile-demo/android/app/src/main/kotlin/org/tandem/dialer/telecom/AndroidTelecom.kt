package org.tandem.dialer.telecom

import android.content.ComponentName
import android.content.Context
import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.telecom.PhoneAccount
import android.telecom.PhoneAccountHandle
import android.telecom.TelecomManager
import org.tandem.dialer.service
import org.tandem.ffi.CallId
import org.tandem.ffi.CallView

/** Data calls at Telecom: a self-managed account, so that carrier calls, headsets and cars know of them while the screen is ours. */
class AndroidTelecom(
    private val context: Context,
    private val handler: Handler,
    private val ask: (TelecomAsk, CallId) -> Unit,
    private val ring: (CallView) -> Unit,
) : TelecomDesk {
    private val telecom = context.service<TelecomManager>()
    private val account = PhoneAccountHandle(ComponentName(context, DataCallService::class.java), "tandem")
    val calls = DataCalls(this)

    // Only the handler's thread touches it.
    private val connections = HashMap<CallId, DataConnection>()

    fun begin() = telecom.registerPhoneAccount(
        PhoneAccount.builder(account, "Tandem")
            .setCapabilities(PhoneAccount.CAPABILITY_SELF_MANAGED)
            .addSupportedUriScheme(PhoneAccount.SCHEME_TEL)
            .build(),
    )

    override fun add(view: CallView) {
        try {
            if (view.outgoing) addOutgoing(view) else addIncoming(view)
        } catch (notNow: SecurityException) {
            refused(view.call)
        }
    }

    private fun addIncoming(view: CallView) {
        // Not permitted during an emergency call, for one.
        if (!telecom.isIncomingCallPermitted(account)) return refused(view.call)
        telecom.addNewIncomingCall(account, Bundle().apply {
            putParcelable(TelecomManager.EXTRA_INCOMING_CALL_ADDRESS, addressOf(view))
            putBundle(TelecomManager.EXTRA_INCOMING_CALL_EXTRAS, extrasOf(view))
        })
    }

    private fun addOutgoing(view: CallView) {
        if (!telecom.isOutgoingCallPermitted(account)) return refused(view.call)
        telecom.placeCall(addressOf(view), Bundle().apply {
            putParcelable(TelecomManager.EXTRA_PHONE_ACCOUNT_HANDLE, account)
            putBundle(TelecomManager.EXTRA_OUTGOING_CALL_EXTRAS, extrasOf(view))
        })
    }

    override fun show(call: CallId, shape: TelecomShape) {
        handler.post {
            val connection = connections[call] ?: return@post
            connection.show(shape)
            if (shape.state == TelecomState.ENDED) connections.remove(call)
        }
    }

    /** Telecom asks for the connection of a call it was told of. Null when the call is over by now. */
    fun connect(extras: Bundle?): DataConnection? {
        val view = extras?.getString(EXTRA_CALL)?.let(calls::newest) ?: return null
        val shape = shapeOf(view) ?: return null
        val connection = DataConnection(view.call, ask) { ring(view) }
        connection.setAddress(addressOf(view), TelecomManager.PRESENTATION_ALLOWED)
        connection.setInitializing()
        connections[view.call] = connection
        // What happened between then and now comes behind this, on the same thread.
        handler.post { connection.show(shape) }
        return connection
    }

    /** Telecom has no room for the call. */
    fun refusedByTelecom(extras: Bundle?) {
        extras?.getString(EXTRA_CALL)?.let(::refused)
    }

    private fun refused(call: CallId) {
        val view = calls.newest(call) ?: return
        ask(if (view.outgoing) TelecomAsk.DISCONNECT else TelecomAsk.REJECT, call)
    }

    private fun addressOf(view: CallView): Uri = Uri.fromParts(PhoneAccount.SCHEME_TEL, view.peer, null)

    private fun extrasOf(view: CallView) = Bundle().apply { putString(EXTRA_CALL, view.call) }

    private companion object {
        const val EXTRA_CALL = "org.tandem.dialer.CALL"
    }
}
