package org.tandem.dialer.host

import android.content.Context
import android.content.Intent
import android.os.Handler
import android.os.HandlerThread
import android.os.UserManager
import java.io.File
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.tandem.Tandem
import org.tandem.dialer.audio.AndroidAudio
import org.tandem.dialer.contacts.AndroidContacts
import org.tandem.dialer.contacts.ContactCards
import org.tandem.dialer.contacts.ContactsWatch
import org.tandem.dialer.contacts.Numbers
import org.tandem.dialer.keystore.KeystoreCipher
import org.tandem.dialer.keystore.SealedFiles
import org.tandem.dialer.log.AndroidLog
import org.tandem.dialer.net.AndroidNetwork
import org.tandem.dialer.presentation.Contact
import org.tandem.dialer.presentation.Screen
import org.tandem.dialer.service
import org.tandem.dialer.sim.ActiveSim
import org.tandem.dialer.sim.AndroidSims
import org.tandem.dialer.sim.Identity
import org.tandem.dialer.sim.SimWatch
import org.tandem.dialer.sim.Sims
import org.tandem.dialer.sms.AndroidSms
import org.tandem.dialer.sms.SmsOrders
import org.tandem.dialer.telecom.AndroidTelecom
import org.tandem.dialer.telecom.CallNotification
import org.tandem.dialer.telecom.StandbyService
import org.tandem.dialer.telecom.TelecomAsk
import org.tandem.dialer.telecom.obey
import org.tandem.dialer.telephony.AndroidCarrier
import org.tandem.dialer.telephony.AndroidTelephony
import org.tandem.dialer.telephony.CallStateWatch
import org.tandem.dialer.telephony.CarrierCalls
import org.tandem.dialer.telephony.EmergencyWatch
import org.tandem.dialer.telephony.OngoingCalls
import org.tandem.dialer.telephony.PhoneAccounts
import org.tandem.dialer.ui.CallActivity
import org.tandem.ffi.CallId
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.Event
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.Line
import org.tandem.ffi.Msisdn
import org.tandem.ffi.Ports
import org.tandem.ffi.TandemException
import org.tandem.ffi.Ticket

/** Everything the phone does for the core, put together once a process. Lives as long as the process: it is the phone's dialer. */
class DialerHost(private val context: Context, val identity: Identity, private val hasDialerRole: () -> Boolean) {
    private val main = Handler(context.mainLooper)
    private val mainExecutor: Executor = context.mainExecutor
    private val background = HandlerThread("tandem-os").apply { start() }
    private val backgroundHandler = Handler(background.looper)
    private val books: Executor = Executors.newSingleThreadExecutor { Thread(it, "tandem-contacts") }

    /** On the main thread, as Telecom and the screens are. Commands only wait there; the core does their work elsewhere. */
    val scope = CoroutineScope(SupervisorJob() + mainExecutor.asCoroutineDispatcher())
    val screen = Screen()
    val contacts = MutableStateFlow<List<Contact>>(emptyList())
    val numbers = Numbers(::readNumber)

    @Volatile
    var core: Tandem? = null
        private set

    val voice = HostVoice { delayMs, act -> backgroundHandler.postDelayed(act, delayMs) }
    val sims = Sims()
    val smsOrders = SmsOrders { ticket, ok -> voice.reply(ticket, HostReply.SmsSent(ok)) }
    val carrierCalls = CarrierCalls { ticket, state -> voice.tell(HostEvent.CarrierCall(ticket, state)) }
    val ongoing = OngoingCalls()
    val audio = AndroidAudio(context) { core }
    val telecom = AndroidTelecom(context, main, ::ask) { ring(it) }
    private val notification = CallNotification(context)
    private val androidSims = AndroidSims(context, sims, identity)
    private val network = AndroidNetwork(context, backgroundHandler, mainExecutor, voice)
    private val cards = ContactCards(context)

    private val emergencies = EmergencyWatch(context, mainExecutor, voice)
    private val callStates = CallStateWatch(context, mainExecutor, hasDialerRole, carrierCalls)
    private val carrier = AndroidCarrier(context, PhoneAccounts(context, sims), callStates::dialed)
    private val desk = CarrierDesk(carrier)
    val placer = CallPlacer(scope, { core }, desk, emergencies::isEmergency)

    private var inCall = false
    private val simWatch = SimWatch(context, mainExecutor, voice)
    private val contactsWatch = ContactsWatch(context, backgroundHandler, voice, ::readContacts)

    /**
     * Watches begin before the core: what the OS tells meanwhile waits for it, and calls go through the carrier until then. [config]
     * reads files, so it is made off the main thread.
     */
    fun begin(config: () -> CoreConfig) {
        notification.begin()
        telecom.begin()
        watch()
        scope.launch {
            val start: suspend () -> Tandem = { Tandem.start(withContext(Dispatchers.IO) { config() }, ports()) }
            val started = begun(start, ::wordsOf, screen::couldNotStart) ?: return@launch
            core = started
            voice.begin(object : Ear {
                override fun notify(event: HostEvent) = started.notify(event)
                override fun hostReply(ticket: Ticket, reply: HostReply) = started.hostReply(ticket, reply)
            })
            screen.restore(started.state())
            started.events.collect { event -> on(event, started) }
        }
    }

    /** Again after the user has allowed something: what was refused the first time may work now. */
    fun allowed() {
        simWatch.begin()
        network.watchRadio()
        callStates.begin()
        emergencies.begin()
        contactsWatch.begin()
        voice.tell(HostEvent.SimsChanged)
        voice.tell(HostEvent.ContactsChanged)
        readContacts()
    }

    /** The SIMs as of now; none where they may not be read. */
    fun readSims(): List<ActiveSim> {
        runCatching { androidSims.slots() }
        return sims.all()
    }

    /** The line of a subscription. The core asks for the SIMs now and then; an SMS that starts the process comes before that. */
    fun lineOf(subscription: Int): Line? = sims.lineOf(subscription) ?: run {
        readSims()
        sims.lineOf(subscription)
    }

    fun nameOf(number: String): String? =
        contacts.value.find { contact -> contact.numbers.any { it == number || numbers.of(it) == number } }?.name

    /** [call] is a data call that has just begun; its first state may still be on the way. */
    fun showCallScreen(call: CallId? = null) = context.startActivity(
        Intent(context, CallActivity::class.java)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_SINGLE_TOP)
            .putExtra(CallActivity.EXTRA_CALL, call),
    )

    private fun watch() {
        simWatch.begin()
        network.begin()
        callStates.begin()
        emergencies.begin()
        contactsWatch.begin()
        readContacts()
    }

    /** Not [org.tandem.dialer.clock.AndroidClock]: the core reads the same clocks itself, and crosses no border for it. */
    private fun ports() = Ports(
        sim = androidSims,
        network = network,
        contacts = AndroidContacts(context, books, voice),
        sms = AndroidSms(context, sims, smsOrders),
        telephony = AndroidTelephony(desk, voice),
        keyStore = SealedFiles({ File(context.filesDir, "keys") }, KeystoreCipher(), ::isUnlocked),
        audio = audio,
        log = AndroidLog(),
    )

    private fun isUnlocked() = context.service<UserManager>().isUserUnlocked

    private fun readNumber(written: String): Msisdn? = try {
        core?.readNumber(null, written)
    } catch (none: TandemException.BadNumber) {
        null
    }

    private fun readContacts() = books.execute { contacts.value = cards.read() }

    private fun on(event: Event, core: Tandem) {
        // Marks are another country's only once another SIM is registered.
        if (event is Event.Registration) numbers.forget()
        if (screen.on(event)) screen.restore(core.state())
        if (event is Event.Call) on(event.view)
    }

    private fun on(view: CallView) {
        telecom.calls.changed(view)
        val rings = view.state is CallState.Ringing && !view.outgoing
        if (!rings) notification.stop(view.call)
        keepMicrophone()
    }

    /** The OS leaves the microphone to an app that is in front, or says that it is in a call. */
    private fun keepMicrophone() {
        val talking = screen.shown.value.calls.values.any { it.state is CallState.Connecting || it.state is CallState.Active }
        if (talking != inCall) StandbyService.begin(context, talking)
        inCall = talking
    }

    private fun ring(view: CallView) = notification.ring(view, nameOf(view.peer) ?: view.peer)

    private fun ask(what: TelecomAsk, call: CallId) {
        val core = core ?: return
        scope.launch {
            try {
                core.obey(what, call)
            } catch (over: TandemException) {
                // The call has gone on without this; its newest state is on the way.
            }
        }
    }
}
