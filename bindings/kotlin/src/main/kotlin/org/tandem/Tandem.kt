package org.tandem

import java.io.Closeable
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicReference
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableJob
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import org.tandem.ffi.Conversation
import org.tandem.ffi.Core
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.CoreInterface
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.Line
import org.tandem.ffi.LogEntry
import org.tandem.ffi.Msisdn
import org.tandem.ffi.Ports
import org.tandem.ffi.Start
import org.tandem.ffi.TandemException
import org.tandem.ffi.ThreadItem
import org.tandem.ffi.Ticket
import org.tandem.ffi.WrittenText

/**
 * One phone's core, as Kotlin likes it: suspending commands, events as a [Flow], an end.
 *
 * Commands await the core and nothing else: they take any dispatcher and may be cancelled at any time, which does not take
 * them back. Everything may be called from any thread, also from within a port. After [close], [notify] throws
 * [TandemException.Stopped], [hostReply] does nothing, and everything else is a call on a closed object
 * ([IllegalStateException]).
 */
class Tandem internal constructor(internal val core: Core) : CoreInterface by core, Closeable {
    private val collecting = AtomicReference<Collecting?>()
    private val closed = AtomicBoolean(false)

    @Volatile
    private var seen = 0UL

    /**
     * What the core tells, until it has stopped and everything was told.
     *
     * Cold, and remembers across collections: an event is told until a collector is through with it. Whoever is cancelled while
     * at it gets it again next time; `first` and `take` count as being through. Operators that buffer are through with an event
     * once they have it. One collector at a time: another gets an [IllegalStateException], unless the first is cancelled and only
     * has to get out of it; `shareIn` serves many.
     */
    val events: Flow<Event> = flow {
        collectingAlone {
            while (unlessClosed(false) { core.waitForEvents(seen) }) {
                for ((number, event) in unlessClosed(emptyList()) { core.nextEvents(seen, EVENTS_AT_ONCE) }) {
                    try {
                        emit(event)
                    } catch (end: CancellationException) {
                        // A collector that has what it wanted ends the flow like this, and is not cancelled itself.
                        if (currentCoroutineContext().isActive) seen = number
                        throw end
                    }
                    seen = number
                }
            }
        }
    }

    /** A collection of [events] that is under way. */
    private class Collecting(private val context: CoroutineContext) {
        val over: CompletableJob = Job()
        val isWanted: Boolean get() = context.isActive
    }

    private suspend inline fun collectingAlone(collect: () -> Unit) {
        val mine = Collecting(currentCoroutineContext())
        while (!collecting.compareAndSet(null, mine)) {
            val other = collecting.get() ?: continue
            check(!other.isWanted) { "events has one collector at a time, and there is one: shareIn serves many" }
            other.over.join()
        }
        try {
            collect()
        } finally {
            collecting.set(null)
            mine.over.complete()
        }
    }

    /**
     * Ends the core: what was handed to the database is written, connections say goodbye, [events] ends. Returns when all of it is
     * done or the deadline has come. No port is called afterwards, and none is held.
     */
    suspend fun shutdown(deadline: Duration) =
        core.shutdown(deadline.inWholeMilliseconds.coerceIn(0, UInt.MAX_VALUE.toLong()).toUInt())

    /** Ends the core without waiting and frees it. Closing again is fine. [shutdown] first where texts may be on their way. */
    @OptIn(DelicateCoroutinesApi::class)
    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        // Freeing alone does not end a core that a command or a collector still waits for.
        GlobalScope.launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { core.shutdown(0U) }
        core.close()
    }

    /** Tells what happened to the phone. [TandemException.Full] means that it was not taken: tell it again. */
    override fun notify(event: HostEvent) = ifClosed({ throw TandemException.Stopped() }) { core.notify(event) }

    /**
     * Answers what a port was asked under a ticket; late, double and made-up answers are dropped, and so are those to a core that
     * has ended. [TandemException.Full] means that it was not taken: answer again.
     */
    override fun hostReply(ticket: Ticket, reply: HostReply) = ifClosed({ }) { core.hostReply(ticket, reply) }

    /**
     * A number as a contact holds it or a person typed it, in the form marks, calls and texts name it by: how a contact finds its
     * mark and its thread. Read in the country of a SIM, of the first where [line] is null, which is known soon after the start.
     * [TandemException.BadNumber] for what is no telephone number.
     */
    override fun readNumber(line: Line?, raw: String): Msisdn = core.readNumber(line, raw)

    // A page is read to its end, also when nobody waits for it any more: the generated code loses what is ready just as it is
    // cancelled, with all it holds.

    override suspend fun conversations(before: ULong?, limit: UInt): List<Conversation> =
        whole { core.conversations(before, limit) }

    override suspend fun thread(peer: Msisdn, before: ULong?, limit: UInt): List<ThreadItem> =
        whole { core.thread(peer, before, limit) }

    override suspend fun openTexts(): List<WrittenText> = whole { core.openTexts() }

    override suspend fun callLog(before: ULong?, limit: UInt): List<LogEntry> = whole { core.callLog(before, limit) }

    @OptIn(DelicateCoroutinesApi::class)
    private suspend fun <T> whole(read: suspend () -> T): T =
        GlobalScope.async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { read() }.await()

    /** A core that was closed tells nothing more. */
    private inline fun <T> unlessClosed(nothing: T, ask: () -> T): T = try {
        ask()
    } catch (gone: IllegalStateException) {
        if (gone is CancellationException || !core.uniffiIsDestroyed) throw gone
        nothing
    }

    /** The OS goes on telling a host that has closed its core; that is no mistake of the host's. */
    private inline fun ifClosed(otherwise: () -> Unit, call: () -> Unit) = try {
        call()
    } catch (gone: IllegalStateException) {
        if (core.uniffiIsDestroyed) otherwise() else throw gone
    }

    companion object {
        private const val EVENTS_AT_ONCE = 64U

        init {
            keepCoreThreadsAttached()
        }

        /**
         * Starts a core. A database that cannot be opened does not keep it from starting. A start that is cancelled, at whatever
         * moment, leaves nothing running.
         *
         * @throws TandemException [BadServer][TandemException.BadServer], [BadRoots][TandemException.BadRoots],
         *   [BadSetting][TandemException.BadSetting] or [System][TandemException.System].
         */
        suspend fun start(config: CoreConfig, ports: Ports): Tandem = Start(config, ports.shielded()).use { start ->
            start.ready()
            Tandem(start.core())
        }
    }
}
