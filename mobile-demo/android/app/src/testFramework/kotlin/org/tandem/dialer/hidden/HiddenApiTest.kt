package org.tandem.dialer.hidden

import java.io.File
import org.codehaus.mojo.animal_sniffer.SignatureChecker
import org.codehaus.mojo.animal_sniffer.logging.Logger
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Reads what the compiled classes refer to and compares it with the public API of Android 13, the oldest the app runs on. The compiler
 * does not tell: it sees the hidden API too.
 */
class HiddenApiTest {
    private val classes = File("target/classes/org/tandem/dialer").walk().filter { it.extension == "class" }.toList()
    private val oem = classes.filter { it.parentFile.name == "oem" }
    private val others = classes - oem.toSet()

    @Test
    fun `nothing outside the OEM adapter refers to hidden API`() {
        assertTrue(others.size > 100, "the app's classes were read")
        assertEquals(emptyList<String>(), beyondPublic(others))
    }

    @Test
    fun `what the OEM adapter refers to is found`() {
        val found = beyondPublic(oem)
        for (member in listOf("getSubscriberId(int)", "getLine1Number(int)")) assertTrue(found.any { member in it }, "$member in $found")
    }

    private fun beyondPublic(files: List<File>): List<String> {
        val found = ArrayList<String>()
        File("target/signatures/gummy-bears-api-33.signature").inputStream().use { public ->
            val checker = SignatureChecker(public, OUR_OWN, Noting(found)).apply { setSourcePath(emptyList()) }
            files.forEach { checker.process(it) }
        }
        return found.distinct()
    }

    private class Noting(private val errors: MutableList<String>) : Logger {
        override fun error(message: String) { errors += message }
        override fun error(message: String, t: Throwable) { errors += message }
        override fun info(message: String) = Unit
        override fun info(message: String, t: Throwable) = Unit
        override fun debug(message: String) = Unit
        override fun debug(message: String, t: Throwable) = Unit
        override fun warn(message: String) = Unit
        override fun warn(message: String, t: Throwable) = Unit
    }

    private companion object {
        /** Not the framework's, and so not in its signatures. */
        val OUR_OWN = setOf("org.tandem.*", "kotlin.*", "kotlinx.*", "com.sun.jna.*")
    }
}
