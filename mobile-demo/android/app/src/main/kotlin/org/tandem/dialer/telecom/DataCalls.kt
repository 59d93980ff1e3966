package org.tandem.dialer.telecom

import org.tandem.ffi.CallId
import org.tandem.ffi.CallView

/** Telecom as data calls need it. */
interface TelecomDesk {
    /** Tells Telecom of a call; it asks for a connection later, or says that there is none to be had. */
    fun add(view: CallView)

    /** Brings a call's connection, if there is one yet, into a shape. */
    fun show(call: CallId, shape: TelecomShape)
}

/** The data calls that Telecom knows of. Each is added once, follows the core, and ends once. */
class DataCalls(private val telecom: TelecomDesk) {
    private val known = HashMap<CallId, CallView>()

    @Synchronized
    fun changed(view: CallView) {
        val shape = shapeOf(view)
        val isNew = view.call !in known
        when {
            shape == null -> return
            shape.state != TelecomState.ENDED -> {
                known[view.call] = view
                if (isNew) telecom.add(view) else telecom.show(view.call, shape)
            }
            // What ended before Telecom heard of it never was.
            isNew -> return
            else -> {
                known.remove(view.call)
                telecom.show(view.call, shape)
            }
        }
    }

    /** A call as of now, for a connection that is made later than it was asked for; null when the call is over. */
    @Synchronized
    fun newest(call: CallId): CallView? = known[call]
}
