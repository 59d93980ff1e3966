package org.tandem

import java.io.File
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import org.tandem.lab.EVERY_PORT
import org.tandem.lab.PREFIX
import org.tandem.lab.SECRET
import org.tandem.lab.THROWABLES

/** A host throws from every port, with a number in the text, in a process whose every output is looked at. */
class ThrowingHostTest {
    @TempDir
    private lateinit var folder: File

    @ParameterizedTest(name = "a host may throw {0} from every port, and what they say goes nowhere")
    @MethodSource("kinds")
    fun `a host may throw from every port, and what it says goes nowhere`(kind: String) {
        val (code, out, err) = process(kind)
        assertEquals("", err)
        assertEquals(0, code)
        assertEquals("done", out.lines().last { it.isNotEmpty() })
        val threw = out.lines().single { it.startsWith("threw ") }.removePrefix("threw ").split(" ").toSet()
        assertEquals(EVERY_PORT, threw)
        assertTrue(out.lines().any { it.startsWith("line ") } && out.lines().any { it.startsWith("gave ") })
        assertEquals(emptyList<String>(), out.lines().filter { SECRET.drop(1) in it })
        assertEquals(emptyList<String>(), out.lines().filter { it.startsWith("line ") && PREFIX in it }, "nor any other number")
    }

    @Test
    fun `a host's exception would be seen where it came out`() {
        val (_, _, err) = process("control")
        assertTrue(SECRET in err)
    }

    private fun process(kind: String): Triple<Int, String, String> {
        val (out, err) = folder.resolve("out") to folder.resolve("err")
        val properties = listOf("jna.library.path", "tandem.root").map { "-D$it=${System.getProperty(it)}" }
        val java = File(System.getProperty("java.home"), "bin/java").path
        val command = listOf(java) + properties + listOf("-cp", System.getProperty("java.class.path"), "org.tandem.lab.ThrowingHostKt", kind)
        val process = ProcessBuilder(command).redirectOutput(out).redirectError(err).start()
        if (!process.waitFor(180, TimeUnit.SECONDS)) {
            process.destroyForcibly()
            throw AssertionError("it never ended:\n${out.readText()}\n${err.readText()}")
        }
        return Triple(process.exitValue(), out.readText(), err.readText())
    }

    companion object {
        @JvmStatic
        fun kinds() = THROWABLES.keys.toList()
    }
}
