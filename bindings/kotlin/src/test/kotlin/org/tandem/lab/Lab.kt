package org.tandem.lab

import java.io.File
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.delay

/** How long a test waits for what must come before it fails. Nothing is measured by it. */
private const val PATIENCE_MS = 60_000L

/** What every number of the lab begins with. */
const val PREFIX = "4915123"

/** Waits until there is something to see. */
suspend fun <T : Any> soon(what: String, look: suspend () -> T?): T {
    val until = System.nanoTime() + PATIENCE_MS * 1_000_000
    while (true) {
        look()?.let { return it }
        if (System.nanoTime() > until) throw AssertionError("never came: $what")
        delay(10)
    }
}

/** Waits until something holds. */
suspend fun until(what: String, holds: suspend () -> Boolean) {
    soon(what) { if (holds()) Unit else null }
}

/**
 * The world around the phones of a test run: the real server process and a real SMSC, both started once, at first use, and
 * ended with the test's process.
 */
object Lab {
    private val root: File = File(System.getProperty("tandem.root")).canonicalFile
    private val smsc = Smsc(root)
    private val port = ServerSocket(0).use { it.localPort }
    private val lastNumber = AtomicInteger(0)

    /** Where phones connect. */
    val server = "ws://127.0.0.1:$port"

    init {
        val folder = folder("server")
        val config = folder.resolve("server.toml")
        Files.writeString(config, configuration(folder))
        val log = folder.resolve("server.log").toFile()
        val process = ProcessBuilder(root.resolve("target/release/tandem-server").path, "--config", config.toString())
            .redirectErrorStream(true).redirectOutput(log).start()
        endWithUs(process)
        val until = System.nanoTime() + PATIENCE_MS * 1_000_000
        while (!accepts(port)) {
            check(process.isAlive && System.nanoTime() < until) { "the server does not come up: ${log.readText()}" }
            Thread.sleep(10)
        }
    }

    /** A number nobody has. */
    fun number(): String = "+$PREFIX%06d".format(lastNumber.incrementAndGet())

    /** A phone with its SIM in, off, that gets the SMS sent to its number. */
    fun phone(number: String = number(), contacts: List<String> = emptyList(), hintBps: ULong? = null): Phone =
        Phone(server, Host(number, contacts, hintBps), folder("phone")).also { phone ->
            smsc.route(number) { text -> phone.host.receiveSms(text) }
        }

    /** Two phones that have each other in their contacts, off. */
    fun two(): Pair<Phone, Phone> {
        val (a, b) = number() to number()
        // Enough strangers around the friend that it takes several pages to read them all.
        return phone(a, strangers() + b + strangers()) to phone(b, strangers() + a)
    }

    /** A folder of its own, which goes with the test's process. */
    fun folder(name: String): Path = Files.createTempDirectory("tandem-$name-").also { folder ->
        Runtime.getRuntime().addShutdownHook(Thread { folder.toFile().deleteRecursively() })
    }

    private fun strangers() = List(3) { number() }

    private fun accepts(port: Int): Boolean =
        runCatching { Socket().use { it.connect(InetSocketAddress("127.0.0.1", port), 200) } }.isSuccess

    private fun configuration(folder: Path) = """
        [listen]
        address = "127.0.0.1:$port"
        [store]
        data_dir = "$folder"
        [sms]
        driver = "smpp"
        [smpp]
        address = "127.0.0.1:${smsc.port}"
        system_id = "tandem"
        password = "pw"
        [registration]
        resend_after = "1s"
        per_prefix = "10000 per 1h"
        per_source = "10000 per 1h"
        [gate]
        per_pair = "10000 per 24h"
        [metrics]
        listen = "off"
        [log]
        level = "warn"
        [turn]
        listen = "127.0.0.1:0"
        allowed_peers = ["127.0.0.0/8"]
    """.trimIndent()
}

/** No process outlives the test's. */
internal fun endWithUs(process: Process) =
    Runtime.getRuntime().addShutdownHook(Thread { process.destroyForcibly().waitFor() })
