package org.tandem

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.Budget
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.Choice
import org.tandem.ffi.ResendRefusal
import org.tandem.ffi.TandemException
import org.tandem.ffi.TerminalState
import org.tandem.ffi.TextStatus
import org.tandem.ffi.callEndText
import org.tandem.ffi.callStateText
import org.tandem.ffi.choiceText
import org.tandem.ffi.errorText
import org.tandem.ffi.resendText
import org.tandem.ffi.textStatusText
import org.tandem.lab.Lab
import org.tandem.lab.Phone

/** What is shown has its words, and what is typed is read, by the core and by nobody else. */
class WordsTest {
    private val number = "+4915123456701"

    @Test
    fun `a number is read as marks name it, in the country of the SIM`() = on { phone ->
        for (written in listOf("0151 234 567 01", "+49 (151) 23456701", "0049-151-23456701", number)) {
            assertEquals(number, phone.tandem.readNumber(null, written), written)
            assertEquals(number, phone.tandem.readNumber(0U, written), written)
        }
    }

    @Test
    fun `what is no telephone number is refused as such`() = on { phone ->
        for (written in listOf("", "Mum", "110", "*100#", "0")) {
            assertThrows<TandemException.BadNumber>(written) { phone.tandem.readNumber(null, written) }
        }
    }

    @Test
    fun `an id or a number that cannot be read is refused by name, and is no defect`() = on { phone ->
        assertThrows<TandemException.Stale> { phone.tandem.callQuality("no id") }
        assertThrows<TandemException.Stale> { phone.tandem.audioReady("no id") }
        assertThrows<TandemException.BadNumber> { choiceText(Choice.Number("no number")) }
        assertEquals("Quit", choiceText(Choice.Quit))
    }

    @Test
    fun `every error has its own sentence`() {
        val (bare, telling) = TandemException::class.java.classes.filter { TandemException::class.java.isAssignableFrom(it) }
            .partition { type -> type.constructors.any { it.parameterCount == 0 } }
        assertEquals(listOf<Class<*>>(TandemException.TooEarly::class.java), telling)
        val errors = bare.map { it.getConstructor().newInstance() as TandemException } + TandemException.TooEarly(1U)
        assertTrue(errors.size >= 18, "${errors.size}")
        val sentences = errors.map(::errorText)
        assertEquals(sentences.distinct(), sentences)
        assertTrue(sentences.all { it.endsWith(".") })
    }

    @Test
    fun `why no other verification SMS comes has words, which do not tell whose budget it is beside one's own`() {
        val whys = listOf(
            ResendRefusal.TooMany(Budget.NUMBER), ResendRefusal.TooMany(Budget.PREFIX), ResendRefusal.SmsUnavailable,
            ResendRefusal.NumberUnreachable, ResendRefusal.NotServed, ResendRefusal.Offline, ResendRefusal.Refused,
        )
        assertEquals(whys.size, whys.map(::resendText).filter { it.endsWith(".") }.distinct().size)
        assertEquals(resendText(ResendRefusal.TooMany(Budget.PREFIX)), resendText(ResendRefusal.TooMany(Budget.SOURCE)))
    }

    @Test
    fun `every state of a call and of a text has words`() {
        val calls = listOf(
            CallState.Checking, CallState.Asking, CallState.Calling, CallState.Ringing, CallState.Connecting, CallState.Active,
            CallState.Reconnecting, CallState.Carrier,
        )
        assertEquals(calls.size, calls.map(::callStateText).filter { it.isNotEmpty() }.distinct().size)
        for (end in CallEnd.entries) assertEquals(callEndText(end), callStateText(CallState.Ended(end)))
        val texts = listOf(
            TextStatus.Pending, TextStatus.Stored, TextStatus.CarrierSms, TextStatus.SmsFailed, TextStatus.Refused,
            TextStatus.LeftBehind, TextStatus.Ended(TerminalState.DELIVERED, true), TextStatus.Ended(TerminalState.DELIVERED, false),
        )
        assertEquals(texts.size, texts.map(::textStatusText).filter { it.isNotEmpty() }.distinct().size)
    }

    private fun on(look: suspend (Phone) -> Unit) = runBlocking {
        val phone = Lab.phone()
        phone.start()
        // The country is known once the first command is answered.
        phone.tandem.syncMarks()
        look(phone)
        phone.stop()
    }
}
