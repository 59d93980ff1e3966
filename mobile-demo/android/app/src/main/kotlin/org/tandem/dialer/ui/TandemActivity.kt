package org.tandem.dialer.ui

import android.app.Activity
import android.app.AlertDialog
import android.widget.Toast
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import org.tandem.Tandem
import org.tandem.dialer.TandemApplication
import org.tandem.dialer.host.DialerHost
import org.tandem.dialer.host.Placed
import org.tandem.dialer.host.wordsOf
import org.tandem.dialer.presentation.PromptCard
import org.tandem.dialer.presentation.Shown
import org.tandem.dialer.presentation.promptCard
import org.tandem.ffi.Choice
import org.tandem.ffi.Mode
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptId
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.choiceText

/** What all screens share: they follow the core while they are seen, and any of them shows its questions. */
abstract class TandemActivity : Activity() {
    protected val host: DialerHost get() = TandemApplication.of(this).host
    private var seen: CoroutineScope? = null
    private var dialog: Pair<PromptId, AlertDialog>? = null

    /** Draws everything as of now. */
    protected abstract fun show(shown: Shown)

    override fun onStart() {
        super.onStart()
        val scope = CoroutineScope(SupervisorJob() + mainExecutor.asCoroutineDispatcher())
        seen = scope
        follow(host.screen.shown) {
            show(it)
            ask(it.prompts.firstOrNull())
            notice(it)
        }
    }

    override fun onStop() {
        seen?.cancel()
        seen = null
        dialog?.second?.dismiss()
        dialog = null
        super.onStop()
    }

    /** For as long as the screen is seen. */
    protected fun <T> follow(flow: Flow<T>, act: suspend (T) -> Unit): Job? = seen?.launch { flow.collect { act(it) } }

    /** A command whose refusal the user sees. It outlives the screen: what was asked for is done. */
    protected fun command(act: suspend Tandem.() -> Unit) {
        host.scope.launch {
            try {
                (host.core ?: throw TandemException.Stopped()).act()
            } catch (no: TandemException) {
                say(wordsOf(no))
            }
        }
    }

    protected fun call(target: Target, mode: Mode) {
        host.scope.launch { tell(host.placer.call(target, null, mode)) }
    }

    private fun answer(prompt: Prompt, choice: Choice) {
        host.scope.launch {
            val placed = host.placer.answer(prompt, choice)
            tell(placed)
            // A question that still stands is asked again.
            if (placed is Placed.Refused && seen != null) {
                dialog = null
                ask(host.screen.shown.value.prompts.firstOrNull())
            }
        }
    }

    private fun tell(placed: Placed) = when (placed) {
        is Placed.OverData -> host.showCallScreen(placed.call)
        // The question shows by itself, a carrier call by the phone's own screen.
        is Placed.Asking, is Placed.Carrier, is Placed.Done -> Unit
        is Placed.NoCarrier -> say("This call could not be placed.")
        is Placed.Refused -> say(wordsOf(placed.why))
    }

    protected fun say(text: String) = Toast.makeText(this, text, Toast.LENGTH_LONG).show()

    private fun notice(shown: Shown) {
        val text = shown.notice ?: return
        host.screen.noticeRead()
        say(text)
    }

    /** One question at a time, the oldest first; it goes when the core no longer waits for it. */
    private fun ask(prompt: Prompt?) {
        if (dialog?.first == prompt?.id) return
        dialog?.second?.dismiss()
        dialog = prompt?.let { it.id to dialogOf(promptCard(it, ::choiceText, host::nameOf)) }
    }

    private fun dialogOf(card: PromptCard): AlertDialog {
        val choices = column(words(card.text))
        val dialog = AlertDialog.Builder(this).setView(scrolling(choices)).setCancelable(false).create()
        card.buttons.forEach { button ->
            choices.addView(button(button.text) {
                dialog.dismiss()
                answer(card.prompt, button.choice)
            })
        }
        dialog.show()
        return dialog
    }
}
