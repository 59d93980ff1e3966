package org.tandem.bench

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import kotlinx.coroutines.flow.take
import org.tandem.Tandem
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.NumberedEvent
import org.tandem.ffi.StandingChoice
import org.tandem.ffi.UserSettings
import org.tandem.testkit.EmptyCallback
import org.tandem.testkit.callBack
import org.tandem.testkit.emptyNotify
import org.tandem.testkit.emptyWake
import org.tandem.testkit.pushEventSoon
import org.tandem.testkit.pushEvents
import org.tandem.testkit.uniffiRustFutureContinuationCallbackImpl

/** What it costs to tell the core something, and to be told, each beside an empty crossing of the same shape. */
internal val COMPARISONS: Map<String, suspend (Tandem) -> Map<String, Any>> =
    linkedMapOf("call" to ::calls, "event" to ::events, "flow_event" to ::flowEvents, "lone_event" to ::loneEvents)

private suspend fun calls(tandem: Tandem): Map<String, Any> {
    val event = HostEvent.SmsReceived(0U, "+4915112345678", "on my way, ten minutes, start without me")
    check(event.body.length == 40)
    val settings = UserSettings(StandingChoice.ASK, true)
    var seen = 0UL
    suspend fun workOff() {
        // Kept behind all that the block has the core keep: once this is durable, nothing of the block waits any more, and no queue fills.
        tandem.setSettings(settings)
        var told = 0
        while (told < CALLS) {
            check(tandem.waitForEvents(seen))
            val texts = tandem.nextEvents(seen, EVENTS.toUInt())
            told += texts.count { it.event is Event.TextArrived }
            seen = texts.last().number
        }
    }
    return compare(
        "call",
        ours = Crossing(CALLS, after = ::workOff) { repeat(CALLS) { tandem.notify(event) } },
        empty = Crossing(CALLS) { repeat(CALLS) { emptyNotify(tandem.core, event) } },
    )
}

private suspend fun events(tandem: Tandem): Map<String, Any> {
    val pull = Pull(tandem)
    return compare("event", Crossing(EVENTS, before = pull::push) { pull.pull() }, emptyCallbacks())
}

private suspend fun flowEvents(tandem: Tandem): Map<String, Any> {
    var told = 0
    val flow = Crossing(
        EVENTS,
        before = { pushEvents(tandem.core, EVENTS.toUInt()) },
        after = { check(told == EVENTS) { "$told events of $EVENTS" } },
    ) {
        told = 0
        tandem.events.take(EVENTS).collect { if (it is Event.TextArrived) told++ }
    }
    return compare("flow_event", flow, emptyCallbacks())
}

/** Events that come one at a time, while they are waited for. */
private suspend fun loneEvents(tandem: Tandem): Map<String, Any> {
    // As the layer does with the core's threads: attaching one anew for each wake would be the test kit's cost, and a large one.
    Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, CallbackThreadInitializer(true, false, "testkit"))
    val callback = nothing()
    val pull = Pull(tandem)
    return compare(
        "lone_event",
        ours = Crossing(LONE_EVENTS) {
            repeat(LONE_EVENTS) {
                pushEventSoon(tandem.core)
                pull.pull(1)
            }
        },
        empty = Crossing(LONE_EVENTS) {
            repeat(LONE_EVENTS) {
                emptyWake()
                callBack(callback, 1U)
            }
        },
        // Each wake makes a coroutine, a future and their buffers.
        crossings = 1_000,
    )
}

private fun nothing() = object : EmptyCallback {
    override fun tell(event: NumberedEvent) = Unit
}

private fun emptyCallbacks(): Crossing {
    val callback = nothing()
    return Crossing(EVENTS) { check(callBack(callback, EVENTS.toUInt()) == 0U) { "a callback failed" } }
}

/** Has a core tell of texts, and takes them in. */
internal class Pull(private val tandem: Tandem) {
    private var seen = 0UL

    fun push() = pushEvents(tandem.core, EVENTS.toUInt())

    suspend fun pull(events: Int = EVENTS) {
        check(tandem.waitForEvents(seen))
        val told = tandem.nextEvents(seen, events.toUInt())
        check(told.size == events && told.all { it.event is Event.TextArrived }) { "${told.size} events of $events" }
        seen = told.last().number
    }
}

private const val CALLS = 100
private const val LONE_EVENTS = 50

/** As many as are pulled at once. */
internal const val EVENTS = 256
