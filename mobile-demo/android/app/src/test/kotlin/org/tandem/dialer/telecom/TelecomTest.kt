package org.tandem.dialer.telecom

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.tandem.dialer.CALL
import org.tandem.dialer.FakeCore
import org.tandem.dialer.callView
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallId
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView

class TelecomTest {
    private val said = ArrayList<String>()
    private val calls = DataCalls(object : TelecomDesk {
        override fun add(view: CallView) { said += "add" }
        override fun show(call: CallId, shape: TelecomShape) { said += "${shape.state} ${shape.cause ?: ""}".trim() }
    })

    private fun state(view: CallView) = shapeOf(view)?.state

    @Test
    fun `an attempt that may still become a question is no call to Telecom`() {
        assertNull(state(callView(CallState.Checking)))
        assertNull(state(callView(CallState.Asking)))
    }

    @Test
    fun `ringing is dialing for who calls and ringing for who is called`() {
        assertEquals(TelecomState.DIALING, state(callView(CallState.Calling)))
        assertEquals(TelecomState.DIALING, state(callView(CallState.Ringing)))
        assertEquals(TelecomState.RINGING, state(callView(CallState.Ringing, outgoing = false)))
    }

    @Test
    fun `an answered call is active while its media comes and goes, and held only by us`() {
        for (state in listOf(CallState.Connecting, CallState.Active, CallState.Reconnecting)) {
            assertEquals(TelecomState.ACTIVE, state(callView(state)))
            assertEquals(TelecomState.HELD, state(callView(state, held = true)))
        }
        assertEquals(TelecomState.ACTIVE, state(callView(CallState.Active, heldByPeer = true)))
    }

    @Test
    fun `every end has a cause`() {
        for (end in CallEnd.entries) {
            val shape = checkNotNull(shapeOf(callView(CallState.Ended(end))))
            assertEquals(TelecomState.ENDED, shape.state)
            checkNotNull(shape.cause)
        }
        assertEquals(TelecomCause.MISSED, shapeOf(callView(CallState.Ended(CallEnd.MISSED)))?.cause)
    }

    @Test
    fun `what Telecom asks is asked of the core`() = runBlocking {
        val core = FakeCore()
        TelecomAsk.entries.forEach { core.obey(it, "c") }
        assertEquals(
            listOf("accept c", "refuse c", "hang up c", "hang up c", "hold c true", "hold c false"),
            core.asked,
        )
    }

    @Test
    fun `a call is added once, follows the core, and ends once`() {
        calls.changed(callView(CallState.Checking))
        calls.changed(callView(CallState.Calling))
        calls.changed(callView(CallState.Ringing))
        calls.changed(callView(CallState.Active))
        calls.changed(callView(CallState.Active, held = true))
        calls.changed(callView(CallState.Ended(CallEnd.PEER_HUNG_UP)))
        calls.changed(callView(CallState.Ended(CallEnd.PEER_HUNG_UP)))
        assertEquals(listOf("add", "DIALING", "ACTIVE", "HELD", "ENDED REMOTE"), said)
    }

    @Test
    fun `a call that goes to the carrier leaves Telecom's data calls before the carrier dials`() {
        calls.changed(callView(CallState.Calling))
        calls.changed(callView(CallState.Carrier))
        assertEquals(listOf("add", "ENDED OTHER"), said)
    }

    @Test
    fun `a connection that is made late finds the call as it is, or not at all`() {
        calls.changed(callView(CallState.Ringing, outgoing = false))
        calls.changed(callView(CallState.Active, outgoing = false))
        assertEquals(CallState.Active, calls.newest(CALL)?.state)
        calls.changed(callView(CallState.Ended(CallEnd.HUNG_UP), outgoing = false))
        assertNull(calls.newest(CALL))
    }
}
