package org.tandem

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.CarrierCallState
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostException
import org.tandem.ffi.HostReply
import org.tandem.ffi.Mode
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.TextStatus
import org.tandem.ffi.UserSettings
import org.tandem.lab.EVERY_PORT
import org.tandem.lab.Lab
import org.tandem.lab.day
import org.tandem.lab.lookAgain
import org.tandem.lab.registered
import org.tandem.lab.until
import org.tandem.lab.useTheCarrier

/** What a host may do to the core and the core takes. */
class HostileHostTest {
    @Test
    fun `a host may call the core back from inside every port, and wait for it there`() = runBlocking {
        val (a, b) = Lab.two()
        val inside = ThreadLocal.withInitial { false }
        val reentered = ConcurrentHashMap.newKeySet<String>()
        val refusals = CopyOnWriteArrayList<TandemException>()
        val lines = AtomicInteger()
        val readings = AtomicInteger()
        a.host.misbehave = misbehave@{ port ->
            // Keys are read before there is a core to call; a locked store is asked again.
            val tandem = a.host.tandem ?: if (port == "keyStore.get") throw HostException.Locked() else return@misbehave
            // A line about a command about a line would never end.
            if (inside.get() || (port == "log.onLine" && lines.incrementAndGet() > 50)) return@misbehave
            // A clock is read at every step: one that always asks for another step would never come to rest.
            if (port == "clock.now" && readings.incrementAndGet() > 30) return@misbehave
            inside.set(true)
            try {
                tandem.state()
                tandem.notify(HostEvent.CarrierCall(null, CarrierCallState.ENDED))
                tandem.hostReply(1_000_000U, HostReply.SmsSent(false))
                // It is read from any thread, in the middle of anything: there nothing is waited for.
                if (port != "clock.now") runBlocking { tandem.asked() }
                reentered += port
            } catch (refusal: TandemException) {
                refusals += refusal
            } finally {
                inside.set(false)
            }
        }
        day(a, b)
        until("every port called back") { reentered == EVERY_PORT }
        assertEquals(emptyList<TandemException>(), refusals.toList())
        a.stop()
        b.stop()
    }

    /** A command that the machine answers, whichever way. */
    private suspend fun Tandem.asked() = try {
        syncMarks()
    } catch (_: TandemException.NotRegistered) {
        // Before the registration.
    } catch (_: TandemException.Offline) {
        // While the connection does not stand.
    }

    @Test
    fun `a host may answer twice, at once, and for tickets that nobody gave`() = runBlocking {
        val (a, b) = Lab.two()
        a.host.answer = { ticket, reply ->
            a.host.tandem?.hostReply(ticket, reply)
            a.host.soon { tandem ->
                tandem.hostReply(ticket, reply)
                tandem.hostReply(ticket, reply)
                for (foreign in listOf(0UL, ticket + 1_000U, ULong.MAX_VALUE)) {
                    tandem.hostReply(foreign, reply)
                    tandem.hostReply(foreign, HostReply.CarrierDialed(false))
                    tandem.hostReply(foreign, HostReply.NoContacts(HostException.Unsupported()))
                }
                // The right ticket, and an answer to another question.
                tandem.hostReply(ticket, HostReply.SmsSent(true))
            }
        }
        day(a, b)
        assertEquals(1, a.host.dialed.size, "dialed once")
        assertEquals(1, a.host.sent.size, "sent once")
        a.stop()
        b.stop()
    }

    @Test
    fun `a host that never answers is left alone, and one that answers late is heard`() = runBlocking {
        val (a, b) = registered()
        val kept = CopyOnWriteArrayList<(Tandem) -> Unit>()
        a.host.answer = { ticket, reply -> kept += { it.hostReply(ticket, reply) } }
        a.useTheCarrier(b.number)
        a.lookAgain()
        // Meanwhile everything else goes on.
        a.tandem.setSettings(UserSettings(StandingChoice.ASK, true))
        a.untilMarked(b.number)
        kept.toList().forEach { it(a.tandem) }
        a.heard("that the SMS was sent") { event ->
            (event as? Event.Text)?.view?.takeIf { it.status == TextStatus.CarrierSms }
        }
        a.stop()
        b.stop()
    }

    @Test
    fun `after the shutdown everything says so, and events have ended`() = runBlocking {
        val phone = Lab.phone()
        phone.start()
        phone.register()
        val tandem = phone.tandem
        tandem.shutdown(30.seconds)
        tandem.shutdown(0.seconds)
        val called = phone.host.called.size
        assertThrows<TandemException.Stopped> { tandem.notify(HostEvent.Woken) }
        assertThrows<TandemException.Stopped> { tandem.notify(HostEvent.SimsChanged) }
        // A port that answers from within does not fail by an end it has not seen.
        tandem.hostReply(1U, HostReply.SmsSent(true))
        tandem.hostReply(1U, HostReply.ContactsPage(emptyList(), null))
        assertThrows<TandemException.Stopped> { tandem.register(0U, null) }
        assertThrows<TandemException.Stopped> { tandem.dial(Target.Number("110"), null, Mode.CARRIER) }
        assertThrows<TandemException.Stopped> { tandem.dialCarrier(null, "110") }
        assertThrows<TandemException.Stopped> { tandem.syncMarks() }
        tandem.events.toList()
        assertEquals(emptyList<Any>(), tandem.events.toList(), "and stay so")
        tandem.state()
        assertEquals(called, phone.host.called.size, "no port is called any more")
        tandem.close()
        tandem.close()
        assertThrows<TandemException.Stopped> { tandem.notify(HostEvent.Woken) }
        tandem.hostReply(1U, HostReply.SmsSent(true))
        assertEquals(emptyList<Any>(), tandem.events.toList())
        assertTrue(assertThrows<IllegalStateException> { tandem.state() } !is java.util.concurrent.CancellationException)
    }
}
