package org.tandem.dialer.host

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB
import org.tandem.dialer.CALL
import org.tandem.dialer.FakeCore
import org.tandem.ffi.Choice
import org.tandem.ffi.CoreInterface
import org.tandem.ffi.Line
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptAbout
import org.tandem.ffi.Side
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.Ticket
import org.tandem.ffi.WhyNotData

/** Law 10: fail to the carrier. */
class CallPlacerTest {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val dialed = ArrayList<String>()
    private var works = true
    private val desk = CarrierDesk { ticket: Ticket?, line: Line?, digits: String ->
        dialed += listOfNotNull(ticket?.let { "core" } ?: "host", line?.toString(), digits).joinToString(" ")
        works
    }
    private val bob = Target.Number(BOB)

    @AfterEach
    fun end() = scope.cancel()

    private fun placer(core: CoreInterface?) =
        CallPlacer(scope, { core }, desk, isEmergency = { it == "112" }, capMs = 50)

    private fun call(core: CoreInterface?, mode: Mode = Mode.DATA, target: Target = bob, line: Line? = null): Placed =
        runBlocking { placer(core).call(target, line, mode) }

    private fun prompt() = Prompt(
        id = 1U,
        about = PromptAbout.Call(CALL, BOB, WhyNotData.PEER_OFFLINE, Side.PEER),
        choices = listOf(Choice.Carrier, Choice.Quit),
        text = "",
    )

    @Test
    fun `a core that answers decides alone`() {
        assertEquals(Placed.OverData(CALL), call(FakeCore(onDial = { Outcome.Call(CALL) })))
        assertEquals(Placed.Asking(3U), call(FakeCore(onDial = { Outcome.Asking(3U) })))
        assertEquals(Placed.Carrier, call(FakeCore(onDial = { Outcome.CarrierDialed })))
        assertEquals(emptyList<String>(), dialed)
    }

    @Test
    fun `an emergency goes straight to the carrier and never sees the core`() {
        val core = FakeCore(onDial = { throw AssertionError("the core was asked") })
        assertEquals(Placed.Carrier, call(core, target = Target.Number("112")))
        assertEquals(listOf("host 112"), dialed)
    }

    @Test
    fun `a core that has stopped leaves the call to the host`() {
        assertEquals(Placed.Carrier, call(FakeCore(onDial = { throw TandemException.Stopped() }), line = 1U))
        assertEquals(listOf("host 1 $BOB"), dialed)
    }

    @Test
    fun `a core that has not started leaves the call to the host`() {
        assertEquals(Placed.Carrier, call(null))
        assertEquals(listOf("host $BOB"), dialed)
    }

    @Test
    fun `a core that hangs leaves the call to the host after the cap`() {
        val core = FakeCore(onDial = { CompletableDeferred<Outcome>().await() })
        assertEquals(Placed.Carrier, call(core))
        assertEquals(listOf("host $BOB"), dialed)
    }

    @Test
    fun `a core whose guard dialed while its command hung is not dialed past`() {
        val core = FakeCore(onDial = {
            desk.dialForCore(0U, null, BOB)
            CompletableDeferred<Outcome>().await()
        })
        assertEquals(Placed.Carrier, call(core))
        assertEquals(listOf("host $BOB"), dialed, "once, by the guard, whose ticket is nobody's")
    }

    @Test
    fun `a core that wakes up after the host dialed finds the call placed`() {
        call(FakeCore(onDial = { CompletableDeferred<Outcome>().await() }))
        assertTrue(desk.dialForCore(9U, null, BOB))
        assertEquals(listOf("host $BOB"), dialed)
        assertTrue(desk.dialForCore(10U, null, BOB), "what comes after that is another call")
        assertEquals(listOf("host $BOB", "core $BOB"), dialed)
    }

    @Test
    fun `a data call that comes of a command given up does not ring`() = runBlocking {
        val wakes = CompletableDeferred<Outcome>()
        val core = FakeCore(onDial = { wakes.await() })
        assertEquals(Placed.Carrier, placer(core).call(bob, null, Mode.DATA))
        wakes.complete(Outcome.Call(CALL))
        withTimeout(5_000) { while (core.asked.isEmpty()) delay(5) }
        assertEquals(listOf("hang up $CALL"), core.asked)
    }

    @Test
    fun `a defect of the binding is no reason not to call`() {
        assertEquals(Placed.Carrier, call(FakeCore(onDial = { throw IllegalStateException("closed") })))
        assertEquals(listOf("host $BOB"), dialed)
    }

    @Test
    fun `a refusal of a data call is the user's to hear, and dials nothing unasked`() {
        val placed = call(FakeCore(onDial = { throw TandemException.NotRegistered() }))
        assertTrue(placed is Placed.Refused && placed.why is TandemException.NotRegistered)
        assertEquals(emptyList<String>(), dialed)
    }

    @Test
    fun `a carrier call goes to the carrier whatever the core says`() {
        assertEquals(Placed.Carrier, call(FakeCore(onDial = { throw TandemException.BadNumber() }), Mode.CARRIER))
        assertEquals(listOf("host $BOB"), dialed)
    }

    @Test
    fun `a contact's first number is dialed when nobody can choose`() {
        call(null, target = Target.Contact("c", listOf("0171 1", "0171 2")))
        assertEquals(listOf("host 0171 1"), dialed)
    }

    @Test
    fun `a phone that cannot dial says so`() {
        works = false
        assertEquals(Placed.NoCarrier, call(null))
    }

    @Test
    fun `choosing the carrier at a prompt never depends on the core`() = runBlocking {
        val stopped = FakeCore(onAnswer = { throw TandemException.Stopped() })
        assertEquals(Placed.Carrier, placer(stopped).answer(prompt(), Choice.Carrier))
        assertEquals(listOf("host $BOB"), dialed)
    }

    @Test
    fun `quitting at a prompt dials nothing, core or no core`() = runBlocking {
        val stopped = FakeCore(onAnswer = { throw TandemException.Stopped() })
        assertTrue(placer(stopped).answer(prompt(), Choice.Quit) is Placed.Refused)
        assertTrue(placer(null).answer(prompt(), Choice.Quit) is Placed.Refused)
        assertEquals(emptyList<String>(), dialed)
    }

    @Test
    fun `an answered prompt that is over by now dials nothing`() = runBlocking {
        val core = FakeCore(onAnswer = { throw TandemException.Stale() })
        assertTrue(placer(core).answer(prompt(), Choice.Carrier) is Placed.Refused)
        assertEquals(emptyList<String>(), dialed)
    }
}
