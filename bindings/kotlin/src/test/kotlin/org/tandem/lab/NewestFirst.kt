package org.tandem.lab

import java.io.Closeable
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingDeque
import kotlin.concurrent.thread
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CoroutineDispatcher

/** Runs of what waits what came last: whoever counts on coroutines that run in the order of their launch is found out. */
class NewestFirst : CoroutineDispatcher(), Closeable {
    private val waiting = LinkedBlockingDeque<Runnable>()
    private val begun = CountDownLatch(1)
    private val running = thread(name = "newest first", isDaemon = true) {
        try {
            begun.await()
            while (true) waiting.takeFirst().run()
        } catch (_: InterruptedException) {
            // Closed.
        }
    }

    /** Until then everything waits. */
    fun begin() = begun.countDown()

    override fun dispatch(context: CoroutineContext, block: Runnable) = waiting.putFirst(block)

    override fun close() = running.interrupt()
}
