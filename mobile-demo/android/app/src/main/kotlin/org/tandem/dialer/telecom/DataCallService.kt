package org.tandem.dialer.telecom

import android.telecom.Connection
import android.telecom.ConnectionRequest
import android.telecom.ConnectionService
import android.telecom.DisconnectCause
import android.telecom.PhoneAccountHandle
import org.tandem.dialer.TandemApplication

/** Where Telecom asks for the connections of data calls. */
class DataCallService : ConnectionService() {
    private val telecom get() = TandemApplication.of(this).host.telecom

    override fun onCreateIncomingConnection(account: PhoneAccountHandle?, request: ConnectionRequest?): Connection =
        connect(request)

    override fun onCreateOutgoingConnection(account: PhoneAccountHandle?, request: ConnectionRequest?): Connection =
        connect(request)

    override fun onCreateIncomingConnectionFailed(account: PhoneAccountHandle?, request: ConnectionRequest?) =
        telecom.refusedByTelecom(request?.extras)

    override fun onCreateOutgoingConnectionFailed(account: PhoneAccountHandle?, request: ConnectionRequest?) =
        telecom.refusedByTelecom(request?.extras)

    private fun connect(request: ConnectionRequest?): Connection =
        telecom.connect(request?.extras)
            ?: Connection.createFailedConnection(DisconnectCause(DisconnectCause.CANCELED))
}
