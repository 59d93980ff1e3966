package org.tandem.dialer.presentation

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB
import org.tandem.dialer.CALL
import org.tandem.dialer.callView
import org.tandem.dialer.received
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.Choice
import org.tandem.ffi.CoreState
import org.tandem.ffi.Event
import org.tandem.ffi.Fault
import org.tandem.ffi.MarkShown
import org.tandem.ffi.MarkView
import org.tandem.ffi.Notice
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptAbout
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.ThreadEntry
import org.tandem.ffi.UserSettings

class ScreenTest {
    private val screen = Screen()
    private val shown get() = screen.shown.value

    private fun prompt(id: ULong) = Prompt(id, PromptAbout.WhichNumber("c"), listOf(Choice.Quit), "Which?")

    @Test
    fun `a call is shown until it ends, and its end after that`() {
        screen.on(Event.Call(callView(CallState.Ringing)))
        assertEquals(CallState.Ringing, shown.calls[CALL]?.state)
        screen.on(Event.Call(callView(CallState.Ended(CallEnd.BUSY))))
        assertTrue(shown.calls.isEmpty())
        assertEquals(CallState.Ended(CallEnd.BUSY), shown.ended?.state)
    }

    @Test
    fun `marks come as changes and stay until they change`() {
        screen.on(Event.Marks(listOf(MarkView(BOB, MarkShown.MARKED), MarkView("+491", MarkShown.MARKED))))
        screen.on(Event.Marks(listOf(MarkView("+491", MarkShown.UNMARKED))))
        assertEquals(mapOf(BOB to MarkShown.MARKED, "+491" to MarkShown.UNMARKED), shown.marks)
    }

    @Test
    fun `prompts wait in order, each once, and go when nobody waits for them`() {
        listOf(1UL, 2UL, 1UL).forEach { screen.on(Event.Prompt(prompt(it))) }
        assertEquals(listOf(2UL, 1UL), shown.prompts.map { it.id })
        screen.on(Event.PromptGone(2U))
        assertEquals(listOf(1UL), shown.prompts.map { it.id })
    }

    @Test
    fun `lines come online and go`() {
        screen.on(Event.Online(0U, true))
        screen.on(Event.Online(1U, true))
        screen.on(Event.Online(0U, false))
        assertEquals(setOf(1.toUByte()), shown.online)
    }

    @Test
    fun `a text that comes has the conversations and threads read again`() {
        val text = (received("hi").text as ThreadEntry.Received).text
        screen.on(Event.TextArrived(text))
        assertEquals(1, shown.threadsChanged)
        assertEquals(0, shown.logChanged)
    }

    @Test
    fun `too many events mean reading everything again, and pages too`() {
        screen.on(Event.Prompt(prompt(1U)))
        assertFalse(screen.on(Event.Notice(Notice.STORAGE_FULL, "Storage is full.")))
        assertEquals("Storage is full.", shown.notice)
        assertTrue(screen.on(Event.Notice(Notice.RESYNC, "")))
        val before = shown
        val settings = UserSettings(StandingChoice.ASK, true)
        screen.restore(CoreState(emptyList(), listOf(0U), listOf(callView(CallState.Active)), emptyList(), emptyList(), settings))
        assertEquals(emptyList<Prompt>(), shown.prompts)
        assertEquals(CallState.Active, shown.calls[CALL]?.state)
        assertTrue(shown.threadsChanged > before.threadsChanged && shown.logChanged > before.logChanged)
    }

    @Test
    fun `a core that has stopped says why and is not online`() {
        screen.on(Event.Online(0U, true))
        screen.on(Event.Stopped(Fault.PANIC, "Calls go through your carrier."))
        assertEquals("Calls go through your carrier.", shown.stopped)
        assertTrue(shown.online.isEmpty())
    }
}
