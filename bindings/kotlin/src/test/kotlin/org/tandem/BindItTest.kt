package org.tandem

import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.CarrierCallState
import org.tandem.ffi.Choice
import org.tandem.ffi.HostEvent
import org.tandem.lab.Lab
import org.tandem.lab.NewestFirst
import org.tandem.lab.Phone
import org.tandem.lab.until

/** The example does what it says, against the real server. */
class BindItTest {
    private class Person : Screen {
        val shown = CopyOnWriteArrayList<CallView>()
        val asked = CopyOnWriteArrayList<String>()
        val said = CopyOnWriteArrayList<String>()

        override suspend fun confirm(question: String) = true.also { asked += question }

        override suspend fun choose(question: String, choices: List<Choice>): Choice {
            asked += question
            return choices.first { it is Choice.Carrier }
        }

        override fun show(call: CallView) {
            shown += call
        }

        override fun say(sentence: String) {
            said += sentence
        }
    }

    @Test
    fun `the example registers, calls, writes, and has its prompts answered`() = runBlocking(Dispatchers.Default) {
        val phone = Lab.phone()
        val person = Person()
        coroutineScope {
            val app = BindIt(phone.host.ports(), person, this)
            app.start(phone.config())
            phone.host.tandem = app.tandem
            app.register()
            until("it is registered and online") { 0.toUByte() in app.tandem.state().online }
            val nobody = Lab.number()
            app.call(nobody)
            until("the number at the carrier") { phone.host.dialed.any { it.second == nobody } }
            app.tandem.notify(HostEvent.CarrierCall(phone.host.dialed.last().first, CarrierCallState.ENDED))
            until("the end of the call") { person.shown.any { it.state == CallState.Ended(CallEnd.CARRIER) } }
            app.text(nobody, "the example writes, too")
            until("the SMS") { phone.host.sent.any { it.first == nobody } }
            app.onSms("Mum", "no code")
            app.stop()
        }
        assertEquals(3, person.asked.size)
        assertEquals(emptyList<String>(), person.said)
    }

    @Test
    fun `the example shows calls in their order, whatever order its coroutines run in`() = runBlocking(Dispatchers.Default) {
        val phone = Lab.phone()
        val person = Person()
        val newestFirst = NewestFirst()
        val app = BindIt(phone.host.ports(), person, CoroutineScope(newestFirst))
        app.start(phone.config())
        phone.host.tandem = app.tandem
        val numbers = List(3) { Lab.number() }
        for (number in numbers) app.endedCall(phone, number)
        newestFirst.begin()
        until("the end of every call") { person.shown.filter { it.state is CallState.Ended }.size == numbers.size }
        assertEquals(numbers, person.shown.map { it.peer }.distinct())
        until("that every answer came too late") { person.said.size == numbers.size }
        app.stop()
        newestFirst.close()
    }

    /** A call whose events wait: it goes to the carrier, and ends there. */
    private suspend fun BindIt.endedCall(phone: Phone, number: String) {
        val ended = endedEntries()
        call(number)
        until("the question what to do") { tandem.state().prompts.isNotEmpty() }
        tandem.answer(tandem.state().prompts.single().id, Choice.Carrier)
        until("the number at the carrier") { phone.host.dialed.lastOrNull()?.second == number }
        tandem.notify(HostEvent.CarrierCall(phone.host.dialed.last().first, CarrierCallState.ENDED))
        until("its end") { endedEntries() > ended }
    }

    private suspend fun BindIt.endedEntries() = tandem.callLog(null, 100U).count { it.end != null }

    @Test
    fun `the example is short enough to be read`() {
        val file = File(System.getProperty("tandem.root"), "bindings/kotlin/src/test/kotlin/org/tandem/BindIt.kt")
        val lines = file.readLines().dropWhile { it != "// bind-it" }.drop(1).takeWhile { it != "// end" }
        assertTrue(lines.size in 20..25, "${lines.size} lines")
    }
}
