package org.tandem.lab

import java.io.File
import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** The SMS network: an SMSC that speaks SMPP, in a process of its own, and the phones its SMS go to. */
internal class Smsc(root: File) {
    private val phones = ConcurrentHashMap<String, (String) -> Unit>()
    private val listening = CompletableFuture<Int>()

    /** Where it listens. */
    val port: Int

    init {
        val process = ProcessBuilder("node", root.resolve("tests/smsc-npm/server.js").path)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()
        endWithUs(process)
        thread(isDaemon = true, name = "smsc") {
            try {
                process.inputReader().forEachLine(::heard)
            } catch (_: IOException) {
                // It ends with us.
            }
        }
        port = listening.get(60, TimeUnit.SECONDS)
    }

    /** Has the SMS to a number delivered. */
    fun route(number: String, deliver: (String) -> Unit) {
        phones[number.digits()] = deliver
    }

    private fun heard(line: String) {
        when (field(line, "event")) {
            "listening" -> listening.complete(Regex("\"port\":(\\d+)").find(line)!!.groupValues[1].toInt())
            "submit" -> phones[field(line, "to").digits()]?.invoke(field(line, "text"))
        }
    }

    private fun String.digits() = filter(Char::isDigit)

    /** A string of a flat JSON object; the SMSC writes nothing else. */
    private fun field(line: String, name: String): String {
        val raw = Regex("\"$name\":\"((?:[^\"\\\\]|\\\\.)*)\"").find(line)?.groupValues?.get(1).orEmpty()
        return raw.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
    }
}
