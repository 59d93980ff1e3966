package org.tandem.bench

import kotlin.math.abs

/** One way to cross the border, in blocks: what is timed, and what must be done before and after each block without being timed. */
internal class Crossing(
    /** Crossings in a block. */
    val count: Int,
    val before: suspend () -> Unit = {},
    val after: suspend () -> Unit = {},
    val block: suspend () -> Unit,
)

/** Nanoseconds a crossing, in one round. */
private class Round(val ours: Double, val empty: Double)

/**
 * Compares a crossing of the product's with an empty one of the same shape, block by block in turn, so that whatever else the machine
 * does slows down both.
 */
internal suspend fun compare(what: String, ours: Crossing, empty: Crossing, crossings: Int = CROSSINGS): Map<String, Any> {
    warmUp(what, ours, empty, crossings)
    val rounds = List(roundsCounted) { round(ours, empty, crossings) }
    val figures = mapOf(
        "ours_ns" to spread(rounds.map { it.ours }),
        "empty_ns" to spread(rounds.map { it.empty }),
        "ratio" to spread(rounds.map { it.ours / it.empty }),
    )
    tell("$what: $figures")
    return figures
}

/** Until both sides have come to rest: the virtual machine compiles what it sees often. */
private suspend fun warmUp(what: String, ours: Crossing, empty: Crossing, crossings: Int) {
    val rounds = ArrayList<Round>()
    while (rounds.size < WARM_UP_MIN || !(calm(rounds.map { it.ours }) && calm(rounds.map { it.empty }))) {
        // On a machine that is never at rest the rounds that count say so by their spread.
        if (rounds.size == WARM_UP_MAX) return tell("$what: not at rest after $WARM_UP_MAX rounds")
        rounds += round(ours, empty, crossings)
    }
    tell("$what: at rest after ${rounds.size} rounds")
}

/** The last three rounds differ by little. */
private fun calm(rounds: List<Double>): Boolean {
    val last = rounds.takeLast(3)
    return last.all { abs(it - last.average()) < last.average() / 10 }
}

private suspend fun round(ours: Crossing, empty: Crossing, crossings: Int): Round {
    // What is collected at the cost of one side is no cost of that side's.
    val collected = JavaHeap.calm()
    val (ourTime, emptyTime) = Stopwatch(ours) to Stopwatch(empty)
    var oursFirst = true
    while (ourTime.crossings < crossings || emptyTime.crossings < crossings) {
        // Whoever comes second may find warmer caches.
        for (side in if (oursFirst) listOf(ourTime, emptyTime) else listOf(emptyTime, ourTime)) side.run()
        oursFirst = !oursFirst
    }
    check(JavaHeap.collections() == collected) { "the Java heap does not hold a round" }
    return Round(ourTime.each(), emptyTime.each())
}

private class Stopwatch(private val crossing: Crossing) {
    var crossings = 0
        private set
    private var nanos = 0L

    suspend fun run() {
        crossing.before()
        val began = System.nanoTime()
        crossing.block()
        nanos += System.nanoTime() - began
        crossings += crossing.count
        crossing.after()
    }

    fun each() = nanos.toDouble() / crossings
}

private fun spread(of: List<Double>) = mapOf("median" to median(of), "min" to of.min(), "max" to of.max())

internal fun median(of: List<Double>): Double {
    val sorted = of.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}

/** Of which the median counts. */
internal var roundsCounted = 9

/** Of each side in a round, as far as the young part of the Java heap holds what they leave behind. */
private const val CROSSINGS = 10_000
private const val WARM_UP_MIN = 5

/** A short run does not wait for rest. */
private val WARM_UP_MAX get() = if (roundsCounted < 9) WARM_UP_MIN else 30
