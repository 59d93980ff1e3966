package org.tandem.lab

import java.io.File
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.tandem.Tandem

/**
 * A start that its key store holds up: it is under way, however fast the machine is, until it is let go. Holds no host, so that
 * whoever looks finds out who else does.
 */
class HeldStart(phone: Phone) {
    private val atTheKeys = CompletableDeferred<Unit>()
    private val letGo = CountDownLatch(1)
    private val starting: Job

    init {
        phone.host.misbehave = { port ->
            if (port == "keyStore.get") {
                atTheKeys.complete(Unit)
                letGo.await()
            }
        }
        starting = CoroutineScope(Dispatchers.Default).launch(start = CoroutineStart.UNDISPATCHED) {
            Tandem.start(phone.config(), phone.host.ports())
            throw AssertionError("it was let go before it was cancelled")
        }
    }

    /** Nobody waits for it any more; it goes on by itself. */
    suspend fun cancelledUnderWay() = withTimeout(60.seconds) {
        atTheKeys.await()
        check(starting.isActive) { "the start is over already" }
        starting.cancel()
        starting.join()
    }

    fun letGo() = letGo.countDown()
}

/** Threads of cores in this process, by their names. */
fun coreThreads(): List<String> = File("/proc/self/task").listFiles().orEmpty()
    // One that ends meanwhile has no name any more.
    .mapNotNull { task -> runCatching { task.resolve("comm").readText().trim() }.getOrNull() }
    .filter { it.startsWith("tandem") }
