package org.tandem.dialer

import org.tandem.ffi.CallId
import org.tandem.ffi.CallQuality
import org.tandem.ffi.Choice
import org.tandem.ffi.Conversation
import org.tandem.ffi.CoreInterface
import org.tandem.ffi.CoreState
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.Line
import org.tandem.ffi.LogEntry
import org.tandem.ffi.Mode
import org.tandem.ffi.Msisdn
import org.tandem.ffi.NumberedEvent
import org.tandem.ffi.Outcome
import org.tandem.ffi.PromptId
import org.tandem.ffi.Target
import org.tandem.ffi.TextId
import org.tandem.ffi.ThreadItem
import org.tandem.ffi.Ticket
import org.tandem.ffi.UserSettings
import org.tandem.ffi.WrittenText

/** A core that does what a test says, notes what it was asked, and has nothing native behind it. */
class FakeCore(
    private val onDial: suspend () -> Outcome = { Outcome.Done },
    private val onAnswer: suspend () -> Outcome = { Outcome.Done },
) : CoreInterface {
    val asked = ArrayList<String>()

    /** By the position of their newest text. */
    var conversations: List<Conversation> = emptyList()

    override suspend fun dial(target: Target, line: Line?, mode: Mode): Outcome = onDial()
    override suspend fun answer(prompt: PromptId, choice: Choice): Outcome = onAnswer()
    override suspend fun accept(call: CallId) { asked += "accept $call" }
    override suspend fun refuse(call: CallId) { asked += "refuse $call" }
    override suspend fun hangUp(call: CallId) { asked += "hang up $call" }
    override suspend fun hold(call: CallId, on: Boolean) { asked += "hold $call $on" }

    /** As the core: the newest first, those before a position. */
    override suspend fun conversations(before: ULong?, limit: UInt): List<Conversation> {
        asked += "conversations before $before"
        val older = conversations.filter { before == null || it.newest.position < before }
        return older.sortedByDescending { it.newest.position }.take(limit.toInt())
    }

    override fun audioReady(call: CallId): ULong = not()
    override fun callQuality(call: CallId): CallQuality? = not()
    override suspend fun dialCarrier(line: Line?, digits: String) = not()
    override fun readNumber(line: Line?, raw: String): Msisdn = not()
    override fun keepsHistory(): Boolean = not()
    override fun nextEvents(seen: ULong, atMost: UInt): List<NumberedEvent> = not()
    override suspend fun waitForEvents(seen: ULong): Boolean = not()
    override suspend fun shutdown(deadlineMs: UInt) = not()
    override fun state(): CoreState = not()
    override suspend fun callLog(before: ULong?, limit: UInt): List<LogEntry> = not()
    override suspend fun openTexts(): List<WrittenText> = not()
    override suspend fun thread(peer: Msisdn, before: ULong?, limit: UInt): List<ThreadItem> = not()
    override fun hostReply(ticket: Ticket, reply: HostReply) = not()
    override fun notify(event: HostEvent) = not()
    override suspend fun cancelRegistration(line: Line) = not()
    override suspend fun confirmRegistration(line: Line) = not()
    override suspend fun enterCode(line: Line, code: String) = not()
    override suspend fun register(line: Line, typed: String?) = not()
    override suspend fun resendSms(line: Line) = not()
    override suspend fun syncMarks() = not()
    override suspend fun unregister(line: Line) = not()
    override suspend fun block(number: String) = not()
    override suspend fun unblock(number: String) = not()
    override fun blocked(): List<Msisdn> = not()
    override suspend fun setConsent(number: Msisdn, allow: Boolean, line: Line?) = not()
    override suspend fun sendFile(to: Msisdn, path: String, name: String, line: Line?): String = not()
    override suspend fun sendDatagram(to: Msisdn, application: UInt, body: ByteArray, line: Line?) = not()
    override suspend fun setOpenMark(line: Line, open: Boolean) = not()
    override fun openMark(line: Line): Boolean? = not()
    override suspend fun setSettings(settings: UserSettings) = not()
    override suspend fun cancelText(id: TextId) = not()
    override suspend fun markRead(sender: Msisdn, ids: List<TextId>) = not()
    override suspend fun sendText(target: Target, line: Line?, body: String, mode: Mode): Outcome = not()
    override suspend fun textToSms(id: TextId): Outcome = not()

    private fun not(): Nothing = throw AssertionError("no test asks for this")
}
