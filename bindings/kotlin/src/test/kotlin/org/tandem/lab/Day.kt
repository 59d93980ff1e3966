package org.tandem.lab

import java.util.concurrent.CopyOnWriteArrayList
import org.tandem.ffi.CallState
import org.tandem.ffi.HostEvent
import org.tandem.ffi.Mode
import org.tandem.ffi.Outcome
import org.tandem.ffi.Target

/** Every port's every method that a core calls. */
val EVERY_PORT = setOf(
    "sim.slots", "network.snapshot", "contacts.requestPage", "sms.send", "telephony.dial", "keyStore.get", "keyStore.put",
    "clock.now", "audio.begin", "audio.end", "log.onLine",
)

/**
 * A day on which everything is used: two phones register and see each other, call, text by SMS and dial by the carrier. The first may be
 * any phone, with any host.
 */
suspend fun day(a: Phone, b: Phone) {
    a.start()
    b.start()
    a.tandem.notify(HostEvent.EmergencyNumbers(listOf("110", "112")))
    a.registerPatiently()
    b.register()
    a.untilMarked(b.number)
    b.untilMarked(a.number)
    a.talk(b)
    a.useTheCarrier(b.number)
    a.lookAgain()
}

/** Calls the other, is heard, hangs up. */
suspend fun Phone.talk(other: Phone) {
    val devices = CopyOnWriteArrayList<SoundDevice>()
    host.onSound = { tandem, call -> devices += SoundDevice(tandem.audioReady(call), ownHz = 500, peerHz = 900) }
    val call = dial(other.number)
    other.untilCall(call, CallState.Ringing)
    other.tandem.accept(call)
    untilCall(call, CallState.Active)
    other.untilCall(call, CallState.Active)
    // A host that throws there opens no sound, and the call goes on without.
    until("the sound was asked for") { if (host.opensSound) devices.isNotEmpty() else "audio.begin" in host.called }
    tandem.hangUp(call)
    untilEnded(call)
    other.untilEnded(call)
    until("the sound is over") { "audio.end" in host.called }
    devices.forEach { it.close() }
}

/** An SMS and a carrier call; what comes of them is the host's to say. */
suspend fun Phone.useTheCarrier(number: String) {
    val (texts, calls) = host.called.count { it == "sms.send" } to host.called.count { it == "telephony.dial" }
    check(tandem.sendText(Target.Number(number), 0U, "by SMS", Mode.CARRIER) is Outcome.Text)
    check(tandem.dial(Target.Number(number), 0U, Mode.CARRIER) is Outcome.CarrierDialed)
    until("the SMS at the host") { host.called.count { it == "sms.send" } > texts }
    until("the call at the host") { host.called.count { it == "telephony.dial" } > calls }
}

/** The OS says that everything changed. */
suspend fun Phone.lookAgain() {
    val asked = setOf("sim.slots", "network.snapshot", "contacts.requestPage")
    val before = asked.associateWith { port -> host.called.count { it == port } }
    for (event in listOf(HostEvent.SimsChanged, HostEvent.NetworkChanged, HostEvent.ContactsChanged)) tandem.notify(event)
    until("everything was asked again") { asked.all { port -> host.called.count { it == port } > before.getValue(port) } }
}
