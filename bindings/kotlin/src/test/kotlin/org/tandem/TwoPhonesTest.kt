package org.tandem

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.ArrivedText
import org.tandem.ffi.Bearer
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.Choice
import org.tandem.ffi.Conversation
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.LogEntry
import org.tandem.ffi.LogPeer
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptAbout
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.Side
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.TerminalState
import org.tandem.ffi.TextId
import org.tandem.ffi.TextStatus
import org.tandem.ffi.WhyNotData
import org.tandem.lab.Lab
import org.tandem.lab.Phone
import org.tandem.lab.registered
import org.tandem.lab.soon
import org.tandem.lab.until
import org.tandem.lab.SoundDevice

/** Two phones and the real server: what a person gets, through the border and back. */
class TwoPhonesTest {
    @Test
    fun `a number is registered once its SMS has come and the user has confirmed`() = runBlocking {
        val phone = Lab.phone()
        phone.start()
        phone.register()
        val states = phone.told.filterIsInstance<Event.Registration>().map { it.view.state }
        assertTrue(states.indexOf(RegistrationState.AwaitingUserConfirm) < states.indexOf(RegistrationState.Registered))
        assertEquals(phone.number, phone.tandem.state().registrations.single().number)
        phone.stop()
    }

    @Test
    fun `every SIM is told of when it is first read`() = runBlocking {
        val phone = Lab.phone()
        phone.start()
        phone.tandem.syncMarks()
        val sim = phone.tandem.state().registrations.single()
        assertEquals(0.toUByte() to RegistrationState.Unregistered, sim.line to sim.state)
        assertEquals(sim, phone.heard("the SIM") { (it as? Event.Registration)?.view })
        phone.stop()
    }

    @Test
    fun `both sides mark each other, whose contacts are read page by page`() = runBlocking {
        val (a, b) = registered()
        assertEquals(listOf(null, "2", "4", "6"), a.host.pages.take(4), "every page by the cursor of the one before")
        a.heard("the mark as an event") { event ->
            (event as? Event.Marks)?.changed?.find { it.number == b.number }
        }
        a.stop()
        b.stop()
    }

    @Test
    fun `a text goes each way, and its sender learns that it arrived`() = runBlocking {
        val (a, b) = registered()
        val there = a.write(b, "Grüße 👋")
        assertEquals("Grüße 👋", b.arrived(there).body)
        val back = b.write(a, "back")
        assertEquals("back", a.arrived(back).body)
        a.untilDelivered(there)
        b.untilDelivered(back)
        assertEquals(2, a.tandem.thread(b.number, null, 10U).size)
        a.stop()
        b.stop()
    }

    @Test
    fun `whoever wrote is found among the conversations, with what was not read, page by page`() = runBlocking {
        val (a, b) = registered()
        val text = a.write(b, "are you there?")
        b.arrived(text)
        val newest = b.tandem.thread(a.number, null, 1U).single()
        assertEquals(listOf(Conversation(a.number, newest, 1U)), b.tandem.conversations(null, 10U))
        b.tandem.markRead(a.number, listOf(text))
        assertEquals(0UL, b.tandem.conversations(null, 10U).single().unread)
        assertEquals(emptyList<Conversation>(), b.tandem.conversations(newest.position, 10U))
        a.stop()
        b.stop()
    }

    @Test
    fun `a text waits while its recipient is off and arrives when it starts again`() = runBlocking {
        val (a, b) = registered()
        b.stop()
        val id = a.write(b, "waits")
        a.heard("that the server keeps it") { event ->
            (event as? Event.Text)?.view?.takeIf { it.id == id && it.status == TextStatus.Stored }
        }
        b.start()
        assertEquals("waits", b.arrived(id).body)
        assertEquals(RegistrationState.Registered, b.registration(), "database and key store know it still")
        a.untilDelivered(id)
        a.stop()
        b.stop()
    }

    @Test
    fun `a call is heard on both sides and stands in both logs`() = runBlocking {
        val (a, b) = registered()
        val devices = mutableListOf<SoundDevice>()
        a.host.onSound = { tandem, call -> devices.open(tandem.audioReady(call), ownHz = 500, peerHz = 900) }
        b.host.onSound = { tandem, call -> devices.open(tandem.audioReady(call), ownHz = 900, peerHz = 500) }

        val call = a.dial(b.number)
        b.untilCall(call, CallState.Ringing)
        a.untilCall(call, CallState.Ringing)
        b.tandem.accept(call)
        a.untilCall(call, CallState.Active)
        b.untilCall(call, CallState.Active)
        until("both devices") { synchronized(devices) { devices.size == 2 } }
        until("the peer's tone on both sides") { devices.all { it.heard >= 5 } }
        assertTrue(soon("how the media does") { a.tandem.callQuality(call) }.receivedPackets > 0U)

        a.tandem.hangUp(call)
        assertEquals(CallEnd.HUNG_UP, a.untilEnded(call))
        assertEquals(CallEnd.PEER_HUNG_UP, b.untilEnded(call))
        until("both sounds are over") { listOf(a, b).all { "audio.end" in it.host.called } }
        devices.forEach { it.close() }
        for ((phone, peer) in listOf(a to b, b to a)) {
            val entry = phone.logged { it.call == call && it.end != null }
            assertEquals(LogPeer.Number(peer.number), entry.peer)
            assertEquals(phone === a, entry.outgoing)
            assertEquals(Bearer.DATA, entry.legs.single().bearer)
            assertTrue(entry.legs.single().talkedMs > 0U)
        }
        assertThrows<TandemException.Stale> { a.tandem.audioReady(call) }
        a.stop()
        b.stop()
    }

    @Test
    fun `a path too slow for voice is asked about, and Carrier dials it`() = runBlocking {
        val (a, b) = registered()
        val prompt = a.slowPrompt(b)
        assertEquals(Outcome.Done, a.tandem.answer(prompt.id, Choice.Carrier))
        until("the number at the carrier") { a.host.dialed.any { it.second == b.number } }
        assertThrows<TandemException.Stale> { a.tandem.answer(prompt.id, Choice.Carrier) }
        assertEquals(1, a.host.dialed.size, "dialed once")
        a.stop()
        b.stop()
    }

    @Test
    fun `a path too slow for voice is asked about, and Quit dials nothing`() = runBlocking {
        val (a, b) = registered()
        val prompt = a.slowPrompt(b)
        a.tandem.answer(prompt.id, Choice.Quit)
        assertEquals(CallEnd.QUIT, a.untilEnded((prompt.about as PromptAbout.Call).call))
        assertThrows<TandemException.Stale> { a.tandem.answer(prompt.id, Choice.Quit) }
        assertEquals(emptyList<Any>(), a.host.dialed)
        a.stop()
        b.stop()
    }

    @Test
    fun `unregistering clears the mark at the peer`() = runBlocking {
        val (a, b) = registered()
        b.tandem.unregister(0U)
        b.untilRegistration(RegistrationState.Unregistered)
        until("no mark at the peer") {
            a.tandem.syncMarks()
            a.tandem.state().marks.none { it.number == b.number }
        }
        a.stop()
        b.stop()
    }

    private suspend fun Phone.slowPrompt(peer: Phone): Prompt {
        host.hintBps = 9_000U
        tandem.notify(HostEvent.NetworkChanged)
        until("the new path was looked at") { host.called.count { it == "network.snapshot" } > 1 }
        val outcome = tandem.dial(Target.Number(peer.number), null, Mode.DATA)
        val prompt = heard("the prompt") { (it as? Event.Prompt)?.prompt }
        val call = (prompt.about as PromptAbout.Call).call
        // It is asked at once when the path is known by then, else after it was looked at.
        assertTrue(outcome == Outcome.Asking(prompt.id) || outcome == Outcome.Call(call))
        assertEquals(PromptAbout.Call(call, peer.number, WhyNotData.OWN_TOO_SLOW, Side.OWN), prompt.about)
        assertEquals(listOf(Choice.Carrier, Choice.Quit), prompt.choices)
        return prompt
    }

    private suspend fun Phone.write(peer: Phone, words: String): TextId {
        val outcome = tandem.sendText(Target.Number(peer.number), null, words, Mode.DATA)
        return (outcome as? Outcome.Text)?.id ?: throw AssertionError("not sent: $outcome")
    }

    private suspend fun Phone.arrived(id: TextId): ArrivedText = heard("the text") { event ->
        (event as? Event.TextArrived)?.text?.takeIf { it.id == id }
    }

    private suspend fun Phone.untilDelivered(id: TextId) = heard("that it arrived") { event ->
        (event as? Event.Text)?.view?.takeIf { view ->
            view.id == id && (view.status as? TextStatus.Ended)?.state == TerminalState.DELIVERED
        }
    }

    private suspend fun Phone.logged(wanted: (LogEntry) -> Boolean): LogEntry =
        soon("the entry of the log") { tandem.callLog(null, 10U).find(wanted) }

    private fun MutableList<SoundDevice>.open(handle: ULong, ownHz: Int, peerHz: Int) =
        synchronized(this) { this += SoundDevice(handle, ownHz, peerHz) }
}
