package org.tandem.dialer.host

import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.TandemException
import org.tandem.ffi.Ticket

/** What the host says to the core; [org.tandem.Tandem] is one. */
interface Ear {
    fun notify(event: HostEvent)
    fun hostReply(ticket: Ticket, reply: HostReply)
}

/**
 * Tells the core what happens to the phone, from any thread, in order. What comes before the core has started waits (an SMS starts the
 * process), and so does what the core does not take because it has too much to do. Waiting words are bounded: "it changed, look again"
 * waits once however often it happens, and beyond [WAITING_MAX] the oldest is dropped, so that the newest SMS still comes through.
 */
class HostVoice(private val later: (delayMs: Long, act: () -> Unit) -> Unit) {
    private val waiting = ArrayDeque<Word>()
    private var ear: Ear? = null
    private var retrying = false

    /** Words that were dropped. */
    @Volatile
    var dropped = 0
        private set

    /** The core is there. */
    fun begin(ear: Ear) {
        synchronized(this) { this.ear = ear }
        drain()
    }

    fun tell(event: HostEvent) = say(Word.Happened(event))

    fun reply(ticket: Ticket, reply: HostReply) = say(Word.Replied(ticket, reply))

    private fun say(word: Word) {
        synchronized(this) {
            if (word in waiting && word.isLookAgain()) return
            waiting.addLast(word)
            while (waiting.size > WAITING_MAX) {
                waiting.removeFirst()
                dropped++
            }
        }
        drain()
    }

    /** A word leaves the queue before it is said: a port that speaks again in the same stack finds the queue in order. */
    @Synchronized
    private fun drain() {
        val ear = ear ?: return
        while (true) {
            val word = waiting.removeFirstOrNull() ?: return
            try {
                word.sayTo(ear)
            } catch (full: TandemException.Full) {
                waiting.addFirst(word)
                return againLater()
            } catch (gone: TandemException.Stopped) {
                // Nobody listens any more; the carrier needs no core.
                waiting.clear()
                return
            }
        }
    }

    private fun againLater() {
        if (retrying) return
        retrying = true
        later(AGAIN_MS) {
            synchronized(this) { retrying = false }
            drain()
        }
    }

    private sealed interface Word {
        fun sayTo(ear: Ear)

        data class Happened(val event: HostEvent) : Word {
            override fun sayTo(ear: Ear) = ear.notify(event)
        }

        data class Replied(val ticket: Ticket, val reply: HostReply) : Word {
            override fun sayTo(ear: Ear) = ear.hostReply(ticket, reply)
        }
    }

    private fun Word.isLookAgain() = this is Word.Happened && (
        event is HostEvent.SimsChanged || event is HostEvent.NetworkChanged || event is HostEvent.ContactsChanged ||
            event is HostEvent.Woken
        )

    companion object {
        const val WAITING_MAX = 256
        const val AGAIN_MS = 50L
    }
}
