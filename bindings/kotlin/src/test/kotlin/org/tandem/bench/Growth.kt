package org.tandem.bench

import java.io.File
import org.tandem.Tandem
import org.tandem.ffi.ContactsPort
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.HostException
import org.tandem.ffi.KeyStorePort
import org.tandem.ffi.Line
import org.tandem.ffi.NetworkPort
import org.tandem.ffi.NetworkSnapshot
import org.tandem.ffi.Ports
import org.tandem.ffi.SimPort
import org.tandem.ffi.SimSlot
import org.tandem.ffi.TelephonyPort
import org.tandem.ffi.Ticket

/** What stays of events that were told and dealt with. */
internal suspend fun eventsGrowth(tandem: Tandem, count: Int): Map<String, Any> {
    val pull = Pull(tandem)
    suspend fun pump(events: Int) = repeat((events + EVENTS - 1) / EVENTS) {
        pull.push()
        pull.pull()
    }
    pump(WARM_UP_EVENTS)
    val before = Memory.now()
    pump(count)
    return growth("events", before, Memory.now()).also { tell("$it") }
}

/** What stays of cores that were started, shut down and closed. */
internal suspend fun createCloseGrowth(config: CoreConfig, count: Int): Map<String, Any> {
    tell("create_close …")
    cycle(config, WARM_UP_CYCLES)
    val before = Memory.now()
    val (threads, files) = threads() to files()
    cycle(config, count)
    // A thread that has told that it is done is there for a moment more.
    repeat(100) { if (threads().size > threads.size || files().size > files.size) Thread.sleep(100) }
    val figures = LinkedHashMap(growth("create_close", before, Memory.now()))
    figures["create_close_threads_growth"] = threads().size - threads.size
    figures["create_close_fds_growth"] = files().size - files.size
    tell("$figures")
    if (threads().size != threads.size) tell("threads before: ${threads.sorted()}\nthreads after: ${threads().sorted()}")
    if (files().size != files.size) tell("files before: ${files.sorted()}\nfiles after: ${files().sorted()}")
    return figures
}

private suspend fun cycle(config: CoreConfig, count: Int) = repeat(count) { number ->
    val tandem = Tandem.start(config, SimpleHost().ports())
    check(tandem.keepsHistory()) { "the database of the core before was not free" }
    tandem.shutdown(SHUTDOWN)
    tandem.close()
    if ((number + 1) % 1_000 == 0) tell("${number + 1} cycles")
}

private fun threads() = File("/proc/self/task").listFiles().orEmpty().mapNotNull { task ->
    // One may end while it is looked at.
    runCatching { task.resolve("comm").readText().trim() }.getOrNull()
}.filter { it != JNAS }

private fun files() = File("/proc/self/fd").listFiles().orEmpty().mapNotNull { runCatching { it.canonicalPath }.getOrNull() }

/** A phone with a SIM, a network, and nobody in its contacts. */
private class SimpleHost : SimPort, NetworkPort, ContactsPort, TelephonyPort, KeyStorePort {
    fun ports() = Ports(sim = this, network = this, contacts = this, telephony = this, keyStore = this)

    override fun slots() = listOf(SimSlot(line = 0U, number = "+4915112345678", country = "DE"))
    override fun snapshot() = NetworkSnapshot(path = 1U, connected = true, wifi = true)
    override fun requestPage(ticket: Ticket, cursor: String?, limit: UInt) = throw HostException.Unsupported()
    override fun dial(ticket: Ticket, line: Line?, digits: String) = Unit
    override fun get(name: String): ByteArray? = null
    override fun put(name: String, secret: ByteArray) = Unit
}

/** Waits for the process by which JNA asked for the linker's paths, and ends a minute later. */
private const val JNAS = "process reaper"
private const val WARM_UP_EVENTS = 100_000
private const val WARM_UP_CYCLES = 300
