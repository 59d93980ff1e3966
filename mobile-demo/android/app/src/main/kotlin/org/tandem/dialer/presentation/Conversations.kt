package org.tandem.dialer.presentation

import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import org.tandem.ffi.Conversation
import org.tandem.ffi.CoreInterface

/** Everybody there are texts with, contact or not, whoever had the newest first, as far down as the user has looked. */
class Conversations(private val core: () -> CoreInterface?) {
    private val reading = Mutex()

    var shown: List<Conversation> = emptyList()
        private set

    /** Whether there may be more below. */
    var hasMore = false
        private set

    /** Reads anew what is shown: a text moves its conversation to the top, and the page it leaves is another one then. */
    suspend fun refresh() = reading.withLock {
        val wanted = shown.size
        val fresh = ArrayList<Conversation>()
        do {
            val page = pageAfter(fresh)
            fresh += page
        } while (hasMore && fresh.size < wanted)
        shown = fresh
    }

    /** Reads one page more. */
    suspend fun more() = reading.withLock { shown = shown + pageAfter(shown) }

    /** Pages are asked for by the position of the last one that is there. */
    private suspend fun pageAfter(newestFirst: List<Conversation>): List<Conversation> {
        val page = core()?.conversations(newestFirst.lastOrNull()?.newest?.position, PAGE).orEmpty()
        hasMore = page.size == PAGE.toInt()
        return page
    }

    companion object {
        const val PAGE = 50U
    }
}
