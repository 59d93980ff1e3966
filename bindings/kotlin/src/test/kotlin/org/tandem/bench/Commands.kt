package org.tandem.bench

import org.tandem.Tandem
import org.tandem.ffi.CallState
import org.tandem.ffi.Choice
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.Target
import org.tandem.ffi.UserSettings
import org.tandem.lab.Lab
import org.tandem.lab.Phone
import org.tandem.testkit.emptyAwait

/** How long commands take to be answered: a person's, and beside them an idle one that goes through the machine, and an empty one. */
internal suspend fun commands(tandem: Tandem, count: Int): Map<String, Any> {
    repeat(WARM_UP) {
        tandem.syncMarks()
        emptyAwait()
    }
    val idle = List(count) { milliseconds { tandem.syncMarks() } }
    val empty = List(count) { milliseconds { emptyAwait() } }
    val given = givenCommands(maxOf(40, count / 50)).mapValues { (_, times) -> p99(times) }
    val figures = linkedMapOf<String, Any>("p99_ms" to given.values.max())
    figures += given
    figures += mapOf("idle_p99_ms" to p99(idle), "empty_p50_ms" to median(empty))
    tell("command: $figures")
    return figures
}

/** Two phones that are registered with the real server call, pick up, and answer what they are asked. */
private suspend fun givenCommands(rounds: Int): Map<String, List<Double>> {
    val (anna, ben) = Lab.two()
    for (phone in listOf(anna, ben)) {
        // The core reads the clock by itself and keeps no log: neither is what a command waits for.
        phone.start(ports = phone.host.ports().copy(clock = null, log = null, audio = null))
        phone.register()
    }
    anna.untilMarked(ben.number)
    ben.untilMarked(anna.number)
    repeat(CALLS_BEFORE) { callAndQuestion(anna, ben) }
    val took = List(rounds) { callAndQuestion(anna, ben) }
    anna.stop()
    ben.stop()
    return took.first().keys.associateWith { name -> took.map { it.getValue(name) } }
}

/** A call that is picked up and ended, and a question that is answered; how long each of the person's commands took. */
private suspend fun callAndQuestion(anna: Phone, ben: Phone): Map<String, Double> {
    anna.told.clear()
    ben.told.clear()
    val (call, dial) = timed { anna.dial(ben.number) }
    ben.untilCall(call, CallState.Ringing)
    val accept = milliseconds { ben.tandem.accept(call) }
    anna.untilCall(call, CallState.Active)
    anna.tandem.hangUp(call)
    anna.untilEnded(call)
    ben.untilEnded(call)
    val asked = anna.tandem.sendText(Target.Number(Lab.number()), null, "are you there?", Mode.DATA)
    check(asked is Outcome.Asking) { "not asked: $asked" }
    val answer = milliseconds { anna.tandem.answer(asked.prompt, Choice.Quit) }
    return linkedMapOf("dial_p99_ms" to dial, "accept_p99_ms" to accept, "answer_p99_ms" to answer)
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
    }
    tell("stored command: ${median(ours)} ms, of 100 the slowest ${p99(ours)} ms")
    return p99(ours)
}

/** The smallest that at least 99 of 100 do not exceed. */
private fun p99(of: List<Double>) = of.sorted()[(of.size * 99 + 99) / 100 - 1]

private inline fun milliseconds(act: () -> Unit): Double = timed(act).second

/** What came of it, and how many milliseconds it took. */
private inline fun <T> timed(act: () -> T): Pair<T, Double> {
    val began = System.nanoTime()
    return act() to (System.nanoTime() - began) / 1e6
}

private const val WARM_UP = 5_000

/** Before anything counts. */
private const val CALLS_BEFORE = 10
