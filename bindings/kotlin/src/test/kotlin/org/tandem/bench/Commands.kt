package org.tandem.bench

import org.tandem.Tandem
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.UserSettings
import org.tandem.testkit.emptyAwait

/** How long it takes until a command that goes through the machine is answered, and an empty one beside it. */
internal suspend fun commands(tandem: Tandem, count: Int): Map<String, Any> {
    repeat(WARM_UP) {
        tandem.syncMarks()
        emptyAwait()
    }
    val ours = List(count) { milliseconds { tandem.syncMarks() } }.sorted()
    val empty = List(count) { milliseconds { emptyAwait() } }
    val figures = linkedMapOf<String, Any>(
        "p50_ms" to median(ours),
        "p99_ms" to p99(ours),
        "max_ms" to ours.last(),
        "empty_p50_ms" to median(empty),
    )
    tell("command: $figures")
    return figures
}

/**
 * The same of commands that must be on disk before they answer: each of these settings differs from the one before. One sync of
 * the disk is in each, which is the disk's to say and not the border's.
 */
internal suspend fun storedCommands(tandem: Tandem, count: Int): Double {
    var receipts = false
    val ours = List(maxOf(100, count / 10)) {
        receipts = !receipts
        milliseconds { tandem.setSettings(UserSettings(StandingChoice.ASK, receipts)) }
    }.sorted()
    tell("stored command: ${median(ours)} ms, of 100 the slowest ${p99(ours)} ms")
    return p99(ours)
}

/** The smallest that at least 99 of 100 do not exceed. */
private fun p99(sorted: List<Double>) = sorted[(sorted.size * 99 + 99) / 100 - 1]

private inline fun milliseconds(act: () -> Unit): Double {
    val began = System.nanoTime()
    act()
    return (System.nanoTime() - began) / 1e6
}

private const val WARM_UP = 5_000
