package org.tandem

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.Event
import org.tandem.ffi.Fault
import org.tandem.ffi.HostEvent
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.lab.Lab
import org.tandem.lab.Phone
import org.tandem.testkit.Break
import org.tandem.testkit.breakCore

/** A core that breaks says so once, and whoever wants to call is served by the carrier. Needs the test kit's library. */
@Tag("testkit")
class BrokenCoreTest {
    private val number = "+4915123456701"

    @Test
    fun `a core that panics ends as Stopped, and calls go to the carrier`() = runBlocking {
        val phone = Lab.phone().alone()
        breakCore(phone.tandem.core, Break.PANIC_AT_HOST)
        // Whatever the OS tells next breaks it, perhaps something before this.
        runCatching { phone.tandem.notify(HostEvent.Woken) }.onFailure { assertTrue(it is TandemException.Stopped) }
        assertEquals(Fault.PANIC, phone.fault())
        assertEquals(emptyList<Any>(), phone.tandem.events.toList(), "nothing comes after it")
        assertEquals(Outcome.CarrierDialed, phone.tandem.dial(Target.Number(number), 0U, Mode.DATA))
        assertEquals(listOf(0UL to number), phone.host.dialed.toList())
        assertThrows<TandemException.Stopped> { phone.tandem.syncMarks() }
        phone.off()
        assertEquals(1, phone.host.dialed.size, "dialed once")
    }

    @Test
    fun `the call a core panics over is dialed once`() = runBlocking {
        val phone = Lab.phone().alone()
        breakCore(phone.tandem.core, Break.PANIC_AT_DIAL)
        assertEquals(Outcome.CarrierDialed, phone.tandem.dial(Target.Number(number), 0U, Mode.DATA))
        assertEquals(Fault.PANIC, phone.fault())
        phone.off()
        assertEquals(listOf(0UL to number), phone.host.dialed.toList())
    }

    @Test
    fun `the call a core hangs over is dialed once`() = runBlocking {
        val phone = Lab.phone().alone(hangAfterMs = 300U)
        breakCore(phone.tandem.core, Break.HANG_AT_DIAL)
        assertEquals(Outcome.CarrierDialed, phone.tandem.dial(Target.Number(number), 0U, Mode.DATA))
        assertEquals(Fault.HANG, phone.fault())
        phone.off()
        assertEquals(listOf(0UL to number), phone.host.dialed.toList())
    }

    /** On, and no server. */
    private suspend fun Phone.alone(hangAfterMs: UInt = 10_000U): Phone {
        start(config().copy(server = "ws://127.0.0.1:9", hangAfterMs = hangAfterMs))
        // Its first command is answered once SIM and network were read: what breaks it is nothing of its start.
        tandem.syncMarks()
        return this
    }

    /** The last of all events says that it stopped. */
    private suspend fun Phone.fault(): Fault {
        val stopped = heard("that it stopped") { it as? Event.Stopped }
        assertTrue(stopped.text.isNotEmpty())
        assertEquals(stopped, told.last())
        return stopped.fault
    }

    private suspend fun Phone.off() = withTimeout(60.seconds) { stop() }
}
