package org.tandem.lab

import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import org.tandem.Tandem
import org.tandem.ffi.AudioPort
import org.tandem.ffi.CallId
import org.tandem.ffi.ClockPort
import org.tandem.ffi.ClockReading
import org.tandem.ffi.ContactsPort
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.KeyStorePort
import org.tandem.ffi.Line
import org.tandem.ffi.LogLevel
import org.tandem.ffi.LogPort
import org.tandem.ffi.NetworkPort
import org.tandem.ffi.NetworkSnapshot
import org.tandem.ffi.Ports
import org.tandem.ffi.SimPort
import org.tandem.ffi.SimSlot
import org.tandem.ffi.SmsPort
import org.tandem.ffi.TandemException
import org.tandem.ffi.TelephonyPort
import org.tandem.ffi.Ticket

/**
 * A phone's OS in a test: does what the core asks, remembers it, and misbehaves on request. It holds the core, and the core
 * holds it, as it is with every real host.
 */
class Host(
    private val number: String,
    private val contacts: List<String> = emptyList(),
    @Volatile var hintBps: ULong? = null,
) : SimPort, NetworkPort, ContactsPort, SmsPort, TelephonyPort, KeyStorePort, ClockPort, AudioPort, LogPort {
    private val later = Executors.newSingleThreadExecutor { Thread(it, "host").apply { isDaemon = true } }
    private val secrets = ConcurrentHashMap<String, ByteArray>()

    @Volatile
    private var core = CompletableFuture<Tandem>()

    /** The core, while there is one. Ports are called before its start has returned. */
    var tandem: Tandem?
        get() = core.getNow(null)
        set(started) {
            if (started == null) core = CompletableFuture() else core.complete(started)
        }

    /** What a port does before its work, by its name: nothing, with a good host. */
    @Volatile
    var misbehave: (port: String) -> Unit = {}

    /** How an answer is given: later, from another thread, once. */
    @Volatile
    var answer: (Ticket, HostReply) -> Unit = { ticket, reply -> soon { it.hostReply(ticket, reply) } }

    /** What happens when a call's sound begins. */
    @Volatile
    var onSound: (Tandem, CallId) -> Unit = { _, _ -> }

    /** Whether it gets as far as that. */
    @Volatile
    var opensSound = true

    /** Names of the ports that were called, each time. */
    val called: MutableList<String> = CopyOnWriteArrayList()
    val dialed: MutableList<Pair<Ticket, String>> = CopyOnWriteArrayList()
    val sent: MutableList<Pair<String, String>> = CopyOnWriteArrayList()
    val lines: MutableList<String> = CopyOnWriteArrayList()
    val pages: MutableList<String?> = CopyOnWriteArrayList()

    fun ports() = Ports(
        sim = this, network = this, contacts = this, sms = this, telephony = this, keyStore = this, clock = this, audio = this,
        log = this,
    )

    /** The SMS network delivers a text. */
    fun receiveSms(text: String) = soon { it.notify(HostEvent.SmsReceived(0U, "Tandem", text)) }

    override fun slots(): List<SimSlot> = on("sim.slots") {
        listOf(SimSlot(line = 0U, number = number, imsi = "262011234567890", country = "DE"))
    }

    override fun snapshot(): NetworkSnapshot = on("network.snapshot") {
        NetworkSnapshot(path = 1U, connected = true, wifi = true, hintBps = hintBps)
    }

    /** Two at a time, so that there is always another page. */
    override fun requestPage(ticket: Ticket, cursor: String?, limit: UInt) = on("contacts.requestPage") {
        pages += cursor
        val from = cursor?.toInt() ?: 0
        val until = minOf(from + 2, contacts.size)
        val next = until.takeIf { it < contacts.size }?.toString()
        answer(ticket, HostReply.ContactsPage(contacts.subList(from, until), next))
    }

    override fun send(ticket: Ticket, line: Line?, to: String, body: String) = on("sms.send") {
        sent += to to body
        answer(ticket, HostReply.SmsSent(true))
    }

    override fun dial(ticket: Ticket, line: Line?, digits: String) = on("telephony.dial") {
        dialed += ticket to digits
        answer(ticket, HostReply.CarrierDialed(true))
    }

    override fun get(name: String): ByteArray? = on("keyStore.get") { secrets[name] }

    override fun put(name: String, secret: ByteArray) = on("keyStore.put") { secrets[name] = secret }

    override fun now(): ClockReading = on("clock.now") {
        ClockReading((System.nanoTime() / 1_000).toULong(), System.currentTimeMillis())
    }

    override fun begin(call: CallId) = on("audio.begin") { soon { onSound(it, call) } }

    override fun end(call: CallId) = on("audio.end") { }

    override fun onLine(level: LogLevel, target: String, text: String) {
        lines += "$target: $text"
        on("log.onLine") { }
    }

    /** On the host's own thread, once there is a core; it may be gone again by then. */
    fun soon(act: (Tandem) -> Unit) = later.execute {
        try {
            act(core.get())
        } catch (_: TandemException.Stopped) {
            // Whoever tells a stopped core something is told so.
        }
    }

    private inline fun <T> on(port: String, work: () -> T): T {
        called += port
        misbehave(port)
        return work()
    }
}
