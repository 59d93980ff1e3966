package org.tandem.bench

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Structure
import java.io.File
import java.lang.management.ManagementFactory
import java.lang.management.MemoryType

/**
 * What the process holds, in bytes: blocks of the C heap that are in use (Rust's and JNA's), live Java objects, and the pages that are
 * resident. The Java heap is of one size and touched from the start (see `bench`), so that resident pages grow by what is native.
 */
internal class Memory private constructor(val cHeap: Long, val javaHeap: Long, val resident: Long) {
    /** What is in use. Resident pages are told beside it: allocators keep some, and never the same. */
    val inUse get() = cHeap + javaHeap

    companion object {
        /**
         * As of now. What Java no longer needs is freed first, and what JNA frees after it, on a thread of its own. The virtual machine
         * keeps the C memory its compiler has used for some seconds: the least of many looks is what is left.
         */
        fun now(): Memory {
            val looks = List(LOOKS) {
                System.gc()
                Thread.sleep(PAUSE_MS)
                Memory(cHeap(), JavaHeap.live(), resident())
            }
            return Memory(looks.minOf { it.cHeap }, looks.minOf { it.javaHeap }, looks.last().resident)
        }

        private fun cHeap() = C.INSTANCE.mallinfo2().run { uordblks + hblkhd }

        /** Counted page by page: the figure of `/proc/self/status` is a rough one. */
        private fun resident() =
            File("/proc/self/smaps_rollup").readLines().first { it.startsWith("Rss:") }.filter(Char::isDigit).toLong() * 1024

        private const val LOOKS = 25
        private const val PAUSE_MS = 250L
    }
}

/** How two figures of a process differ that has done its work meanwhile, under the names of a measurement. */
internal fun growth(of: String, before: Memory, after: Memory): Map<String, Any> = linkedMapOf(
    "${of}_growth_bytes" to after.inUse - before.inUse,
    "${of}_growth_c_heap_bytes" to after.cHeap - before.cHeap,
    "${of}_growth_java_heap_bytes" to after.javaHeap - before.javaHeap,
    "${of}_growth_rss_bytes" to after.resident - before.resident,
)

private interface C : Library {
    fun mallinfo2(): MallInfo.ByValue

    companion object {
        val INSTANCE: C = Native.load("c", C::class.java)
    }
}

/** glibc's own account of all its arenas, each field a `size_t`. */
@Structure.FieldOrder(
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)
internal open class MallInfo : Structure() {
    @JvmField var arena = 0L
    @JvmField var ordblks = 0L
    @JvmField var smblks = 0L
    @JvmField var hblks = 0L
    @JvmField var hblkhd = 0L
    @JvmField var usmblks = 0L
    @JvmField var fsmblks = 0L
    @JvmField var uordblks = 0L
    @JvmField var fordblks = 0L
    @JvmField var keepcost = 0L

    class ByValue : MallInfo(), Structure.ByValue
}

/** The Java heap, in which JNA leaves a pile of small objects with every call. */
internal object JavaHeap {
    /** Frees what is to be freed, here and by JNA after it, and gives how often that was done so far. */
    fun calm(): Long {
        var live = Long.MAX_VALUE
        repeat(CALM_LOOKS) {
            System.gc()
            Thread.sleep(CALM_PAUSE_MS)
            val now = live()
            if (live - now in 0..CALM_BYTES) return collections()
            live = now
        }
        return collections()
    }

    fun collections() = ManagementFactory.getGarbageCollectorMXBeans().sumOf { it.collectionCount }

    /** What the last collection left: what threads have set aside since to allocate from is nobody's yet. */
    fun live() = ManagementFactory.getMemoryPoolMXBeans().filter { it.type == MemoryType.HEAP }.sumOf { it.collectionUsage.used }

    private const val CALM_LOOKS = 20
    private const val CALM_PAUSE_MS = 50L
    private const val CALM_BYTES = 1_000_000L
}
