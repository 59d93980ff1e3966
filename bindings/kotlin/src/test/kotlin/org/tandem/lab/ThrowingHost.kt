package org.tandem.lab

import java.util.concurrent.ConcurrentHashMap
import kotlin.system.exitProcess
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.runBlocking
import org.tandem.Tandem
import org.tandem.ffi.Choice
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.Mode
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.Target
import org.tandem.ffi.TextId
import org.tandem.ffi.choiceText

/** The number in the text of everything that is thrown. Nobody's. */
const val SECRET = "+4917699887766"

/** What hosts throw. */
val THROWABLES: Map<String, () -> Throwable> = mapOf(
    "exceptions" to { IllegalStateException("cannot reach $SECRET", RuntimeException(SECRET)) },
    "errors" to { NotImplementedError("a call to $SECRET") },
    "cancellations" to { CancellationException("gave up on $SECRET") },
    "what throws when it is looked at" to {
        object : RuntimeException(SECRET) {
            override fun toString() = throw IllegalStateException(SECRET)
            override val message get() = throw IllegalStateException(SECRET)
        }
    },
)

/**
 * A process of its own whose host throws from every port, so that everything the process writes can be looked at. Prints the
 * ports that threw, every line that LogPort got and every exception the core gave, but nothing of the host's.
 */
fun main(arguments: Array<String>) {
    val thrown = THROWABLES[arguments.single()]
    if (thrown == null) {
        // The control: what a host's exception looks like to whoever looks.
        Thread { throw IllegalStateException(SECRET) }.apply { start() }.join()
        exitProcess(0)
    }
    runBlocking {
        throwsFromTheStart(thrown)
        throwsWhenInUse(thrown)
    }
    println("done")
    exitProcess(0)
}

private val threw = ConcurrentHashMap.newKeySet<String>()

/** Nothing works on this phone, and the core runs on. */
private suspend fun throwsFromTheStart(thrown: () -> Throwable) {
    val phone = Lab.phone(contacts = listOf(SECRET))
    phone.host.throwing(thrown)
    phone.start()
    for (event in everyEvent()) phone.tandem.notify(event)
    for (reply in listOf(HostReply.SmsSent(true), HostReply.ContactsPage(listOf(SECRET), null))) phone.tandem.hostReply(1U, reply)
    phone.tandem.everyRefusal()
    phone.finish()
}

/** A phone that works until its host begins to throw. */
private suspend fun throwsWhenInUse(thrown: () -> Throwable) {
    val (a, b) = registered()
    // A callback in the middle of another must leave its thread attached, and say nothing.
    a.host.misbehave = { port -> if (port == "network.snapshot") runBlocking { gives { a.tandem.syncMarks() } } }
    a.lookAgain()
    a.host.throwing(thrown)
    a.talk(b)
    a.useTheCarrier(SECRET)
    a.lookAgain()
    gives { a.tandem.unregister(0U) }
    a.untilRegistration(RegistrationState.Unregistered)
    gives { a.tandem.register(0U, SECRET) }
    until("its key at the host") { "keyStore.put" in threw }
    a.tandem.everyRefusal()
    a.finish()
    b.stop()
    println("threw " + threw.sorted().joinToString(" "))
}

private fun Host.throwing(thrown: () -> Throwable) {
    opensSound = false
    misbehave = { port ->
        threw += port
        // A line is kept before its port throws, to be looked at.
        throw thrown()
    }
}

private suspend fun Phone.finish() {
    stop()
    host.lines.forEach { println("line $it") }
}

private fun everyEvent() = listOf(
    HostEvent.SimsChanged, HostEvent.NetworkChanged, HostEvent.ContactsChanged, HostEvent.EmergencyNumbers(listOf(SECRET)),
    HostEvent.SmsReceived(0U, SECRET, "a text of $SECRET"), HostEvent.Woken,
)

private suspend fun Tandem.everyRefusal() {
    val text = TextId(1U, 1U)
    val number = Target.Number(SECRET)
    val tries = listOf<suspend () -> Any>(
        { register(0U, SECRET) }, { register(9U, SECRET) }, { enterCode(0U, SECRET) }, { dial(number, 9U, Mode.DATA) },
        { dial(Target.Number("$SECRET is no number"), 0U, Mode.DATA) }, { dialCarrier(0U, SECRET) }, { accept(SECRET) },
        { audioReady(SECRET) }, { callQuality(SECRET).toString() }, { readNumber(0U, "no $SECRET") },
        { choiceText(Choice.Number("no $SECRET")) },
        { sendText(number, 0U, "", Mode.DATA) }, { sendText(number, 0U, SECRET, Mode.DATA) },
        { answer(99U, Choice.Number(SECRET)) }, { answer(99U, Choice.Number("no $SECRET")) }, { thread("no $SECRET", null, 10U) },
        { markRead("no $SECRET", listOf(text)) }, { textToSms(text) }, { cancelText(text) }, { hold(SECRET, true) }, { syncMarks() },
        { block("no $SECRET") }, { unblock("no $SECRET") },
    )
    for (attempt in tries) gives(attempt)
}

/** Prints what the core throws, whole. */
private suspend fun gives(attempt: suspend () -> Any) {
    try {
        attempt()
    } catch (refusal: Throwable) {
        println("gave ${refusal.stackTraceToString()}")
    }
}
