package org.tandem

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import org.tandem.ffi.CallView
import org.tandem.ffi.Choice
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.Mode
import org.tandem.ffi.Ports
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target
import org.tandem.ffi.errorText

/** What the app shows and asks. */
interface Screen {
    suspend fun confirm(question: String): Boolean
    suspend fun choose(question: String, choices: List<Choice>): Choice
    fun show(call: CallView)
    fun say(sentence: String)
}

// bind-it
class BindIt(private val ports: Ports, private val screen: Screen, private val scope: CoroutineScope) {
    lateinit var tandem: Tandem

    suspend fun start(config: CoreConfig) {
        tandem = Tandem.start(config, ports)
        scope.launch { tandem.events.collect { on(it) } } // in order: nothing in there waits for a person
    }
    private fun on(event: Event): Any = when (event) {
        is Event.Registration -> if (event.view.state == RegistrationState.AwaitingUserConfirm) ask {
            if (screen.confirm(event.view.text)) tandem.confirmRegistration(event.view.line)
        } else Unit
        is Event.Prompt -> ask { tandem.answer(event.prompt.id, screen.choose(event.prompt.text, event.prompt.choices)) }
        is Event.Call -> screen.show(event.view)
        else -> Unit // texts, marks, the log
    }
    private fun ask(person: suspend () -> Unit) = scope.launch {
        try { person() } catch (no: TandemException) { screen.say(errorText(no)) } // Stale: too late, it is over
    }

    fun onSms(sender: String, body: String) = tandem.notify(HostEvent.SmsReceived(0U, sender, body))
    suspend fun register() = tandem.register(0U, null) // the SIM in slot 0, by the number it tells
    suspend fun call(number: String) = tandem.dial(Target.Number(number), null, Mode.DATA)
    suspend fun text(number: String, body: String) = tandem.sendText(Target.Number(number), null, body, Mode.DATA)
    suspend fun stop() = tandem.use { it.shutdown(5.seconds) }
}
// end
