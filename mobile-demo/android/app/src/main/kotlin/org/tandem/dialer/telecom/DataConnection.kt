package org.tandem.dialer.telecom

import android.telecom.Connection
import android.telecom.DisconnectCause
import org.tandem.ffi.CallId

/**
 * One data call as Telecom sees it. Telecom, a headset or a car asks here on the main thread; each is passed on and answered at once,
 * and the connection changes only when the core says that the call did.
 */
class DataConnection(
    val call: CallId,
    private val ask: (TelecomAsk, CallId) -> Unit,
    private val ring: () -> Unit,
) : Connection() {
    init {
        connectionProperties = PROPERTY_SELF_MANAGED
        connectionCapabilities = CAPABILITY_HOLD or CAPABILITY_SUPPORT_HOLD or CAPABILITY_MUTE
        audioModeIsVoip = true
    }

    override fun onAnswer() = ask(TelecomAsk.ANSWER, call)
    override fun onReject() = ask(TelecomAsk.REJECT, call)
    override fun onDisconnect() = ask(TelecomAsk.DISCONNECT, call)
    override fun onAbort() = ask(TelecomAsk.ABORT, call)
    override fun onHold() = ask(TelecomAsk.HOLD, call)
    override fun onUnhold() = ask(TelecomAsk.UNHOLD, call)

    /** Telecom has found nothing against ringing now. */
    override fun onShowIncomingCallUi() = ring()

    fun show(shape: TelecomShape) = when (shape.state) {
        TelecomState.DIALING -> setDialing()
        TelecomState.RINGING -> setRinging()
        TelecomState.ACTIVE -> setActive()
        TelecomState.HELD -> setOnHold()
        TelecomState.ENDED -> {
            setDisconnected(DisconnectCause(codeOf(shape.cause ?: TelecomCause.OTHER)))
            destroy()
        }
    }

    private fun codeOf(cause: TelecomCause): Int = when (cause) {
        TelecomCause.LOCAL -> DisconnectCause.LOCAL
        TelecomCause.REMOTE -> DisconnectCause.REMOTE
        TelecomCause.CANCELED -> DisconnectCause.CANCELED
        TelecomCause.REJECTED -> DisconnectCause.REJECTED
        TelecomCause.BUSY -> DisconnectCause.BUSY
        TelecomCause.MISSED -> DisconnectCause.MISSED
        TelecomCause.ANSWERED_ELSEWHERE -> DisconnectCause.ANSWERED_ELSEWHERE
        TelecomCause.ERROR -> DisconnectCause.ERROR
        TelecomCause.OTHER -> DisconnectCause.OTHER
    }
}
