package org.tandem

import java.util.concurrent.CopyOnWriteArrayList
import kotlin.random.Random
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.Choice
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.Event
import org.tandem.ffi.Mode
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.Start
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.TextId
import org.tandem.ffi.UserSettings
import org.tandem.lab.HeldStart
import org.tandem.lab.Lab
import org.tandem.lab.Phone
import org.tandem.lab.coreThreads
import org.tandem.lab.until

/** Whatever is awaited may be cancelled, at any moment, and nothing is lost or broken by it. */
class CancellationTest {
    private val call = "00017f80ff05060708090a0b0c0d0e0f"
    private val number = "+4915123456701"
    private val text = TextId(1U, 1U)

    private val commands: Map<String, suspend Tandem.() -> Unit> = mapOf(
        "accept" to { accept(call) },
        "answer" to { answer(1U, Choice.Quit) },
        "block" to { block(number) },
        "callLog" to { callLog(null, 10U) },
        "cancelRegistration" to { cancelRegistration(0U) },
        "cancelText" to { cancelText(text) },
        "confirmRegistration" to { confirmRegistration(0U) },
        "conversations" to { conversations(null, 10U) },
        "dial" to { dial(Target.Number(number), null, Mode.DATA) },
        "dialCarrier" to { dialCarrier(null, number) },
        "enterCode" to { enterCode(0U, "12345678") },
        "hangUp" to { hangUp(call) },
        "hold" to { hold(call, true) },
        "markRead" to { markRead(number, listOf(text)) },
        "openTexts" to { openTexts() },
        "refuse" to { refuse(call) },
        "register" to { register(0U, null) },
        "resendSms" to { resendSms(0U) },
        "sendDatagram" to { sendDatagram(number, 1U, byteArrayOf(1), null) },
        "sendFile" to { sendFile(number, "/nowhere", "name", null) },
        "sendText" to { sendText(Target.Number(number), null, "words", Mode.DATA) },
        "setConsent" to { setConsent(number, true, null) },
        "setOpenMark" to { setOpenMark(0U, true) },
        "setSettings" to { setSettings(UserSettings(StandingChoice.ASK, true)) },
        "syncMarks" to { syncMarks() },
        "textToSms" to { textToSms(text) },
        "thread" to { thread(number, null, 10U) },
        "unblock" to { unblock(number) },
        "unregister" to { unregister(0U) },
        "waitForEvents" to { waitForEvents(ULong.MAX_VALUE) },
    )

    @Test
    fun `every command may be cancelled at its await, and the core still answers`() = runBlocking {
        val phone = Lab.phone().also { it.start() }
        for ((name, command) in commands) {
            for (after in listOf(0, 1, 30, 200, 1_000).flatMap { most -> List(6) { Random.nextInt(most + 1) } }) {
                // Undispatched: it is at its await when it is cancelled.
                val waiting = launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) {
                    try {
                        command(phone.tandem)
                    } catch (_: TandemException) {
                        // What comes of it is another test's.
                    }
                }
                if (after > 0) delay(after.microseconds)
                waiting.cancelAndJoin()
            }
            phone.answers("after $name")
        }
        phone.stop()
    }

    @Test
    fun `the commands that are cancelled here are all there are`() {
        val suspending = org.tandem.ffi.CoreInterface::class.java.methods
            .filter { method -> method.parameterTypes.lastOrNull() == kotlin.coroutines.Continuation::class.java }
            .map { it.name.substringBefore('-') }
        assertEquals(commands.keys + "shutdown", suspending.toSet())
    }

    @Test
    fun `a start that nobody waits for any more ends by itself, and leaves its database to the next`() = runBlocking {
        until("no other core runs") { coreThreads().isEmpty() }
        val phone = Lab.phone()
        val start = HeldStart(phone)
        start.cancelledUnderWay()
        assertTrue("tandem-start" in coreThreads(), "it is under way")
        start.letGo()
        until("every thread of it has ended") { coreThreads().isEmpty() }
        phone.host.misbehave = {}
        phone.start()
        assertTrue(phone.tandem.keepsHistory())
        phone.answers("on the same database")
        phone.stop()
    }

    @Test
    fun `a start that is cancelled in the moment it is over leaves nothing running either`() = runBlocking {
        until("no other core runs") { coreThreads().isEmpty() }
        val phone = Lab.phone()
        var cancelled = 0
        until("starts that were cancelled between their end and the taking of their core") {
            val start = Start(phone.config(), phone.host.ports())
            val waiting = launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) {
                start.use {
                    it.ready()
                    // What a layer that takes the core here would have.
                    awaitCancellation()
                }
            }
            start.ready()
            waiting.cancelAndJoin()
            assertThrows<IllegalStateException> { start.core() }
            ++cancelled == 5
        }
        until("every thread of them has ended") { coreThreads().isEmpty() }
    }

    @Test
    fun `a start gives its core once, and a core that was taken is not given up with it`() = runBlocking {
        until("no other core runs") { coreThreads().isEmpty() }
        val phone = Lab.phone()
        Start(phone.config(), phone.host.ports()).use { start ->
            start.ready()
            start.giveUp()
            assertThrows<TandemException.Stale> { start.core() }
        }
        until("it has ended") { coreThreads().isEmpty() }
        val core = Start(phone.config(), phone.host.ports()).use { start ->
            start.ready()
            start.core().also {
                assertThrows<TandemException.Stale> { start.core() }
                start.giveUp()
            }
        }
        core.setSettings(UserSettings(StandingChoice.ASK, false))
        assertEquals(false, core.state().settings.readReceipts)
        core.shutdown(30_000U)
        core.close()
    }

    @Test
    fun `a shutdown that nobody waits for any more goes on, and another waits for it`() = runBlocking {
        for (after in listOf(0L, 1, 100, 1_000, 3_000)) {
            val phone = Lab.phone().also { it.start() }
            val ending = launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { phone.tandem.shutdown(30.seconds) }
            delay(after.microseconds)
            ending.cancelAndJoin()
            phone.stop()
            assertEquals(emptyList<Event>(), phone.dropped())
        }
    }

    @Test
    fun `no event is lost or told twice, however often its collector is cancelled`() = runBlocking {
        val phone = Lab.phone()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        phone.host.tandem = tandem
        val told = CopyOnWriteArrayList<Event>()
        val dialing = launch(Dispatchers.Default) {
            repeat(CALLS) { tandem.dial(Target.Number("110"), 0U, Mode.CARRIER) }
        }
        until("every entry of the log") {
            val collecting = launch(Dispatchers.Default) { tandem.events.collect { told += it } }
            delay(Random.nextLong(2_000).microseconds)
            collecting.cancelAndJoin()
            val logged = told.filterIsInstance<Event.Log>().distinctBy { it.entry.id }.size
            logged == CALLS
        }
        dialing.join()
        val entries = told.filterIsInstance<Event.Log>()
        assertEquals(entries.distinct(), entries, "none twice, all in order")
        phone.stopQuietly(tandem)
    }

    @Test
    fun `whoever is cancelled while at an event gets it again, and whoever took it does not`() = runBlocking {
        val phone = Lab.phone()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        phone.host.tandem = tandem
        repeat(3) { tandem.dial(Target.Number("110"), 0U, Mode.CARRIER) }
        val at = CompletableDeferred<Event>()
        val collecting = launch(Dispatchers.Default) {
            tandem.events.collect { event ->
                if (event is Event.Log) {
                    at.complete(event)
                    awaitCancellation()
                }
            }
        }
        val interrupted = at.await()
        collecting.cancelAndJoin()
        val first = tandem.events.first { it is Event.Log }
        assertEquals(interrupted, first)
        val second = tandem.events.first { it is Event.Log }
        val third = tandem.events.filterIsInstance<Event.Log>().take(1).toList().single()
        assertEquals(3, setOf(first, second, third).size)
        phone.stopQuietly(tandem)
    }

    @Test
    fun `events pulled by number are given again until they are named as seen`() = runBlocking {
        val core = Tandem.start(CoreConfig("ws://127.0.0.1:9", Lab.folder("pull").resolve("phone.db").toString()), Lab.phone().host.ports())
        val told = mutableListOf<ULong>()
        var seen = 0UL
        until("three pulls") {
            repeat(20) { withTimeoutOrNull(1) { core.waitForEvents(seen) } }
            core.dial(Target.Number("110"), 0U, Mode.CARRIER)
            assertTrue(core.waitForEvents(seen))
            val again = List(2) { core.nextEvents(seen, 1U).single().number }
            assertEquals(again[0], again[1])
            told += again[0]
            seen = again[0]
            told.size == 3
        }
        assertEquals(told.sorted().distinct(), told)
        core.shutdown(30.seconds)
        core.close()
    }

    @Test
    fun `a second collector is told so, and disturbs neither the first nor whoever pulls`() = runBlocking {
        val phone = Lab.phone()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        phone.host.tandem = tandem
        val collects = CompletableDeferred<Unit>()
        val collector = launch(Dispatchers.Default) { tandem.events.collect { collects.complete(Unit) } }
        collects.await()
        val refusal = assertThrows<IllegalStateException> { tandem.events.collect { } }
        assertTrue("one collector at a time" in refusal.message.orEmpty(), refusal.message)
        val pullers = List(2) {
            launch(Dispatchers.Default) {
                var seen = 0UL
                while (tandem.waitForEvents(seen)) seen = tandem.nextEvents(seen, 8U).lastOrNull()?.number ?: seen
            }
        }
        repeat(50) { tandem.dial(Target.Number("110"), 0U, Mode.CARRIER) }
        tandem.shutdown(30.seconds)
        (pullers + collector).joinAll()
        tandem.close()
    }

    @Test
    fun `whoever collects after a collector that was cancelled waits until that one is out of it`() = runBlocking {
        val phone = Lab.phone()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        phone.host.tandem = tandem
        val (collects, letGo) = List(2) { CompletableDeferred<Unit>() }
        val first = launch(Dispatchers.Default) {
            tandem.events.collect { withContext(NonCancellable) { collects.complete(Unit); letGo.await() } }
        }
        collects.await()
        first.cancel()
        val next = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { tandem.events.first() }
        assertTrue(next.isActive, "it waits")
        letGo.complete(Unit)
        tandem.dial(Target.Number("110"), 0U, Mode.CARRIER)
        next.await()
        phone.stopQuietly(tandem)
    }

    private suspend fun Phone.answers(whether: String) {
        val answered = withTimeoutOrNull(60.seconds) { tandem.setSettings(UserSettings(StandingChoice.ASK, true)) }
        assertEquals(Unit, answered, whether)
    }

    private fun Phone.dropped() = told.filter { it is Event.Stopped }

    private suspend fun Phone.stopQuietly(tandem: Tandem) {
        tandem.shutdown(30.seconds)
        tandem.close()
        host.tandem = null
    }

    private companion object {
        const val CALLS = 200
    }
}
