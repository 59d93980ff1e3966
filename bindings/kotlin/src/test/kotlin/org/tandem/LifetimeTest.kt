package org.tandem

import java.lang.ref.WeakReference
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.HostEvent
import org.tandem.ffi.TandemException
import org.tandem.lab.HeldStart
import org.tandem.lab.Host
import org.tandem.lab.Lab
import org.tandem.lab.Phone
import org.tandem.lab.until

/** The core holds the host and the host holds the core: who lets go of whom, and when. */
class LifetimeTest {
    @Test
    fun `after shutdown and close nothing holds the host`() = runBlocking {
        val host = WeakReference(used { it.shutdown(30.seconds); it.close() })
        until("the host is garbage") { gone(host) }
    }

    @Test
    fun `after the shutdown alone nothing of the core's holds the host`() = runBlocking {
        val host = WeakReference(used { it.shutdown(30.seconds) })
        until("the host is garbage") { gone(host) }
    }

    @Test
    fun `a core that is closed ends, though somebody still collects its events`() = runBlocking {
        val phone = Lab.phone()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        val collecting = launch(Dispatchers.Default) { tandem.events.collect { } }
        delay(20)
        tandem.close()
        collecting.join()
        assertThrows<TandemException.Stopped> { tandem.notify(HostEvent.Woken) }
        Unit
    }

    @Test
    fun `a phone that is closed while it is online ends its events and throws nothing`() = runBlocking {
        repeat(3) {
            val phone = Lab.phone()
            phone.start()
            phone.register()
            val tandem = phone.tandem
            phone.host.tandem = null
            tandem.close()
            phone.collected()
        }
    }

    @Test
    fun `after the close alone nothing holds the host`() = runBlocking {
        val host = WeakReference(used { it.close() })
        until("the host is garbage") { gone(host) }
    }

    @Test
    fun `a start that was cancelled under way holds its host until it has ended, and not longer`() = runBlocking {
        val (host, start) = abandoned()
        assertFalse(gone(host), "it is under way and needs its ports")
        start.letGo()
        until("the host is garbage") { gone(host) }
    }

    /** A host whose core was used and ended; in a function of its own, so that no frame holds either. */
    private suspend fun used(end: suspend (Tandem) -> Unit): Host {
        val phone = unknown()
        val tandem = Tandem.start(phone.config(), phone.host.ports())
        phone.host.tandem = tandem
        until("the SIM was read") { "sim.slots" in phone.host.called }
        end(tandem)
        return phone.host
    }

    private suspend fun abandoned(): Pair<WeakReference<Host>, HeldStart> {
        val phone = unknown()
        // An answer that waits for a core would hold the host by itself.
        phone.host.answer = { _, _ -> }
        val start = HeldStart(phone)
        start.cancelledUnderWay()
        return WeakReference(phone.host) to start
    }

    /** A phone the SMS network does not know, and so does not hold. */
    private fun unknown() = Phone(Lab.server, Host(Lab.number()), Lab.folder("phone"))

    private fun gone(host: WeakReference<Host>): Boolean {
        System.gc()
        return host.get() == null
    }
}
