package org.tandem.lab

import java.nio.file.Path
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import org.tandem.Tandem
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallId
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.Event
import org.tandem.ffi.MarkShown
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.Ports
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.TandemException
import org.tandem.ffi.Target

/** A phone: an OS, a database, and a core while it is on. */
class Phone(private val server: String, val host: Host, folder: Path) {
    private val database = folder.resolve("phone.db").toString()
    private var collecting: Deferred<Unit>? = null

    /** Everything the core told, oldest first. */
    val told: MutableList<Event> = CopyOnWriteArrayList()

    val tandem: Tandem get() = host.tandem ?: throw AssertionError("the phone is off")

    val number: String get() = host.slots().single().number!!

    /** A loaded machine is slow and does not hang; tests of hangs set what they need. */
    fun config() =
        CoreConfig(server = server, database = database, gatherOn = listOf("127.0.0.1"), hangAfterMs = 10_000U)

    suspend fun start(config: CoreConfig = config(), ports: Ports = host.ports()) {
        val tandem = Tandem.start(config, ports)
        host.tandem = tandem
        collecting = CoroutineScope(Dispatchers.Default).async { tandem.events.collect { told += it } }
    }

    /** Switches it off, in order. */
    suspend fun stop() {
        tandem.shutdown(30.seconds)
        collecting?.await()
        tandem.close()
        host.tandem = null
    }

    /** Returns when its events have ended, and throws what their collector threw. */
    suspend fun collected() = collecting?.await()

    /** Registers as a person does: asks, gets the SMS, confirms. */
    suspend fun register() {
        tandem.register(0U, null)
        confirm()
    }

    /** The same with a host that is slower to tell of its SIM than commands wait for it, or whose key store is locked at first. */
    suspend fun registerPatiently() {
        until("SIM and keys were read") {
            try {
                tandem.register(0U, null)
                true
            } catch (_: TandemException.NoSuchLine) {
                false
            } catch (_: TandemException.StoreFailed) {
                false
            }
        }
        confirm()
    }

    private suspend fun confirm() {
        untilRegistration(RegistrationState.AwaitingUserConfirm)
        tandem.confirmRegistration(0U)
        untilRegistration(RegistrationState.Registered)
        until("the connection to the server") { 0.toUByte() in tandem.state().online }
    }

    suspend fun untilRegistration(state: RegistrationState) = until("registration: $state") {
        val now = registration()
        check(now !is RegistrationState.Failed) { "the registration failed: $now" }
        now == state
    }

    fun registration(): RegistrationState? = tandem.state().registrations.singleOrNull()?.state

    /** The first event, of all that were told, that something is made of. */
    suspend fun <T : Any> heard(what: String, find: (Event) -> T?): T =
        soon(what) { told.firstNotNullOfOrNull(find) }

    suspend fun untilMarked(number: String, marked: Boolean = true) = until("mark of the peer: $marked") {
        tandem.state().marks.any { it.number == number && it.shown == MarkShown.MARKED } == marked
    }

    suspend fun untilCall(call: CallId, state: CallState): CallView = heard("call $state") { event ->
        (event as? Event.Call)?.view?.takeIf { it.call == call && it.state == state }
    }

    suspend fun untilEnded(call: CallId): CallEnd = heard("the end of the call") { event ->
        (event as? Event.Call)?.view?.takeIf { it.call == call }?.let { (it.state as? CallState.Ended)?.end }
    }

    suspend fun dial(number: String): CallId {
        val outcome = tandem.dial(Target.Number(number), null, Mode.DATA)
        return (outcome as? Outcome.Call)?.call ?: throw AssertionError("no call over data: $outcome")
    }
}

/** Two phones that are registered and know it of each other. */
suspend fun registered(): Pair<Phone, Phone> {
    val (a, b) = Lab.two()
    a.start()
    b.start()
    a.register()
    b.register()
    a.untilMarked(b.number)
    b.untilMarked(a.number)
    return a to b
}
