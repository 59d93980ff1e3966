package org.tandem.dialer.host

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.tandem.ffi.TandemException

class BeginningTest {
    private val said = ArrayList<String>()

    private fun begun(start: () -> String) = runBlocking { begun({ start() }, { "Why." }, said::add) }

    @Test
    fun `a core that starts is had, and nothing is said`() {
        assertEquals("core", begun { "core" })
        assertEquals(emptyList<String>(), said)
    }

    @Test
    fun `what the core says against its start is said`() {
        assertNull(begun { throw TandemException.BadServer() })
        assertEquals(listOf("Why. Calls go through your carrier."), said)
    }

    @Test
    fun `a library that does not load, or is another version's, leaves a dialer that says so`() {
        val failures = listOf(
            UnsatisfiedLinkError("libtandem.so"),
            NoClassDefFoundError("Tandem"),
            RuntimeException("UniFFI API checksum mismatch"),
            java.security.cert.CertificateException("a broken store"),
        )
        for (failure in failures) assertNull(begun { throw failure })
        assertEquals(List(failures.size) { "Calls and texts over data cannot begin. Calls go through your carrier." }, said)
    }

    @Test
    fun `what a core that does not load refuses has words all the same`() {
        val why = TandemException.Stopped()
        assertEquals("Why.", wordsOf(why) { "Why." })
        assertEquals("Calls and texts over data do not work. The carrier does.", wordsOf(why) { throw NoClassDefFoundError() })
    }

    @Test
    fun `an end of the process's work is no failure`() {
        assertThrows<CancellationException> { begun { throw CancellationException() } }
        assertEquals(emptyList<String>(), said)
    }
}
