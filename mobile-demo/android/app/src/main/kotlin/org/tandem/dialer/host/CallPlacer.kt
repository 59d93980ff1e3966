package org.tandem.dialer.host

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.tandem.ffi.CallId
import org.tandem.ffi.Choice
import org.tandem.ffi.CoreInterface
import org.tandem.ffi.Line
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptAbout
import org.tandem.ffi.PromptId
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target

/** What became of a wish to call. */
sealed interface Placed {
    data class OverData(val call: CallId) : Placed
    data class Asking(val prompt: PromptId) : Placed

    /** With the carrier, through the core or past it. */
    data object Carrier : Placed

    /** Nobody could dial it. */
    data object NoCarrier : Placed

    /** The core lives and says no; the user decides what to do instead. */
    data class Refused(val why: TandemException) : Placed
    data object Done : Placed
}

/**
 * Places calls so that a core that is gone, hangs or has not started never keeps anybody from calling (law 10: fail to the carrier).
 *
 * Emergency numbers do not pass the core at all. Everything else is the core's to decide for [capMs]; after that, or when it says
 * `Stopped`, the host dials through the carrier. The cap is longer than the core's own `hangAfterMs`, after which its guard dials: the
 * host is the second net, not the first.
 */
class CallPlacer(
    private val scope: CoroutineScope,
    private val core: () -> CoreInterface?,
    private val desk: CarrierDesk,
    private val isEmergency: (String) -> Boolean,
    private val capMs: Long = CAP_MS,
) {
    suspend fun call(target: Target, line: Line?, mode: Mode): Placed {
        val digits = target.digits()
        val wish = desk.wish()
        if (isEmergency(digits)) return byHost(wish, line, digits)
        val core = core() ?: return byHost(wish, line, digits)
        return capped(core, wish, line, digits, mustGo = mode == Mode.CARRIER) { core.dial(target, line, mode) }
    }

    /** Answers a prompt. "Carrier" about a call is a wish to call, and as such never depends on the core. */
    suspend fun answer(prompt: Prompt, choice: Choice): Placed {
        val core = core()
        val to = (prompt.about as? PromptAbout.Call)?.to
        val wish = desk.wish()
        if (to == null || choice !is Choice.Carrier) {
            return try {
                (core ?: return Placed.Refused(TandemException.Stopped())).answer(prompt.id, choice).placed()
            } catch (no: TandemException) {
                Placed.Refused(no)
            }
        }
        if (core == null) return byHost(wish, null, to)
        return capped(core, wish, null, to, mustGo = false) { core.answer(prompt.id, choice) }
    }

    private suspend fun capped(
        core: CoreInterface,
        wish: Long,
        line: Line?,
        digits: String,
        mustGo: Boolean,
        ask: suspend () -> Outcome,
    ): Placed {
        val asked = scope.async { runCatching { ask() } }
        val said = withTimeoutOrNull(capMs) { asked.await() }
        if (said == null) {
            forget(core, asked)
            return byHost(wish, line, digits)
        }
        val no = said.exceptionOrNull() ?: return said.getOrThrow().placed()
        return when {
            no is CancellationException -> throw no
            no !is TandemException || no is TandemException.Stopped -> byHost(wish, line, digits)
            // Whether a command without an answer is done is unknown; the desk knows whether it dialed.
            no is TandemException.NoAnswer -> byHost(wish, line, digits)
            // Asked for the carrier, there is nothing the core could know better than the carrier.
            mustGo -> byHost(wish, line, digits)
            else -> Placed.Refused(no)
        }
    }

    /** The user is with the carrier by now: a data call that comes of the late command must not ring at the peer. */
    private fun forget(core: CoreInterface, asked: Deferred<Result<Outcome>>) {
        scope.launch {
            val late = asked.await().getOrNull() as? Outcome.Call ?: return@launch
            runCatching { core.hangUp(late.call) }
        }
    }

    private fun byHost(wish: Long, line: Line?, digits: String): Placed =
        if (desk.dialUnlessDone(wish, line, digits)) Placed.Carrier else Placed.NoCarrier

    private fun Outcome.placed(): Placed = when (this) {
        is Outcome.Call -> Placed.OverData(call)
        is Outcome.Asking -> Placed.Asking(prompt)
        is Outcome.CarrierDialed -> Placed.Carrier
        is Outcome.Done, is Outcome.Text -> Placed.Done
    }

    /** A contact's first number is the one its card shows first. */
    private fun Target.digits(): String = when (this) {
        is Target.Number -> digits
        is Target.Contact -> numbers.firstOrNull().orEmpty()
    }

    companion object {
        /** After how long the core counts as hung: its guard then dials. */
        const val HANG_AFTER_MS = 1_500U
        const val CAP_MS = 3_000L
    }
}
