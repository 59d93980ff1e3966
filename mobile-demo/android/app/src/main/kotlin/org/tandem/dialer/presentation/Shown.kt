package org.tandem.dialer.presentation

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.update
import org.tandem.ffi.CallId
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.CoreState
import org.tandem.ffi.Event
import org.tandem.ffi.Line
import org.tandem.ffi.MarkShown
import org.tandem.ffi.Msisdn
import org.tandem.ffi.Notice
import org.tandem.ffi.Prompt
import org.tandem.ffi.RegistrationView

/** Everything the screens show that is not read page by page. */
data class Shown(
    val registrations: Map<Line, RegistrationView> = emptyMap(),
    val online: Set<Line> = emptySet(),
    val marks: Map<Msisdn, MarkShown> = emptyMap(),
    val calls: Map<CallId, CallView> = emptyMap(),
    /** The call that ended last, so that its screen can say how. */
    val ended: CallView? = null,
    /** Oldest first. */
    val prompts: List<Prompt> = emptyList(),
    /** The newest word to the user that belongs to no screen. */
    val notice: String? = null,
    /** Why the core is gone; the carrier works on. */
    val stopped: String? = null,
    /** Move when a thread or the log must be read again. */
    val threadsChanged: Long = 0,
    val logChanged: Long = 0,
)

/** Keeps [Shown] as the core tells. */
class Screen {
    private val state = MutableStateFlow(Shown())
    val shown: StateFlow<Shown> = state

    /** Everything as of now: at the start, and after the core had too much to tell. */
    fun restore(all: CoreState) = state.update {
        it.copy(
            registrations = all.registrations.associateBy { view -> view.line },
            online = all.online.toSet(),
            marks = all.marks.associate { mark -> mark.number to mark.shown },
            calls = all.calls.associateBy { view -> view.call },
            prompts = all.prompts,
            threadsChanged = it.threadsChanged + 1,
            logChanged = it.logChanged + 1,
        )
    }

    /** One event. True when [restore] must follow. */
    fun on(event: Event): Boolean {
        state.update { it.after(event) }
        return event is Event.Notice && event.notice == Notice.RESYNC
    }

    fun couldNotStart(text: String) = state.update { it.copy(stopped = text) }

    fun noticeRead() = state.update { it.copy(notice = null) }

    private fun Shown.after(event: Event): Shown = when (event) {
        is Event.Registration -> copy(registrations = registrations + (event.view.line to event.view))
        is Event.Online -> copy(online = if (event.online) online + event.line else online - event.line)
        is Event.Marks -> copy(marks = marks + event.changed.associate { it.number to it.shown })
        is Event.Prompt -> copy(prompts = prompts.filter { it.id != event.prompt.id } + event.prompt)
        is Event.PromptGone -> copy(prompts = prompts.filter { it.id != event.id })
        is Event.Call -> after(event.view)
        is Event.Text, is Event.TextArrived -> copy(threadsChanged = threadsChanged + 1)
        // The dialer shows neither files nor datagrams.
        is Event.File, is Event.FileArrived, is Event.DatagramArrived -> this
        is Event.Log -> copy(logChanged = logChanged + 1)
        is Event.Notice -> copy(notice = event.text)
        is Event.Stopped -> copy(stopped = event.text, online = emptySet())
    }

    private fun Shown.after(view: CallView): Shown =
        if (view.state is CallState.Ended) copy(calls = calls - view.call, ended = view)
        else copy(calls = calls + (view.call to view))
}
