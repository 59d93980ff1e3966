package org.tandem.bench

import java.io.File
import java.nio.file.Files
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.runBlocking
import org.tandem.Tandem
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.Ports

/** What is measured how often. */
class Amounts(val events: Int, val cycles: Int, val commands: Int)

/**
 * Measures what the border costs: `bindings/kotlin/bench [--events N] [--cycles N] [--commands N] [--rounds N]`. The figures are one JSON object,
 * the last line on standard output; what happens meanwhile is told on standard error. Anything unexpected ends it with a failure.
 */
fun main(arguments: Array<String>) {
    try {
        val given = arguments.toList().chunked(2).associate { (name, value) -> name to value.toInt() }
        roundsCounted = given["--rounds"] ?: roundsCounted
        val amounts = Amounts(given["--events"] ?: 1_000_000, given["--cycles"] ?: 10_000, given["--commands"] ?: 10_000)
        val folder = Files.createTempDirectory("tandem-bench-").toFile()
        val figures = try {
            runBlocking { measure(amounts, folder) }
        } finally {
            folder.deleteRecursively()
        }
        println(json(figures))
    } catch (broken: Throwable) {
        broken.printStackTrace()
        exitProcess(1)
    }
    // Threads of pools that idle would hold the process for a while.
    exitProcess(0)
}

private suspend fun measure(amounts: Amounts, folder: File): Map<String, Any> {
    val figures = LinkedHashMap<String, Any>()
    for ((name, compared) in COMPARISONS) figures[name] = with(folder, name, compared)
    figures["command"] = with(folder, "command") { commands(it, amounts.commands) }
    figures["stored_command_p99_ms"] = with(folder, "stored_command") { storedCommands(it, amounts.commands) }
    figures += with(folder, "events_growth") { eventsGrowth(it, amounts.events) }
    figures += createCloseGrowth(config(folder, "create_close"), amounts.cycles)
    figures += mapOf("events" to amounts.events, "cycles" to amounts.cycles, "commands" to amounts.commands)
    return figures
}

/** A core by itself: no port, and a server nobody listens at. */
private suspend fun <T> with(folder: File, name: String, work: suspend (Tandem) -> T): T {
    tell("$name …")
    val tandem = Tandem.start(config(folder, name), Ports())
    try {
        // It has come to rest once it answers.
        tandem.syncMarks()
        return work(tandem)
    } finally {
        tandem.shutdown(SHUTDOWN)
        tandem.close()
    }
}

private fun config(folder: File, name: String) =
    // What the machine's other work delays is no hang.
    CoreConfig(server = "ws://127.0.0.1:9", database = folder.resolve("$name.db").path, hangAfterMs = 30_000U)

internal val SHUTDOWN = 2_000.milliseconds

/** For whoever waits for the figures. */
internal fun tell(text: String) = System.err.println(text)

private fun json(value: Any): String = when (value) {
    is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { (name, of) -> "\"$name\": ${json(of!!)}" }
    is Double -> "%.3f".format(java.util.Locale.ROOT, value)
    is Int, is Long -> value.toString()
    else -> throw IllegalArgumentException("no figure: $value")
}
