package org.tandem

import org.tandem.ffi.AudioPort
import org.tandem.ffi.CallId
import org.tandem.ffi.ClockPort
import org.tandem.ffi.ContactsPort
import org.tandem.ffi.HostException
import org.tandem.ffi.KeyStorePort
import org.tandem.ffi.Line
import org.tandem.ffi.LogLevel
import org.tandem.ffi.LogPort
import org.tandem.ffi.NetworkPort
import org.tandem.ffi.Ports
import org.tandem.ffi.SimPort
import org.tandem.ffi.SmsPort
import org.tandem.ffi.TelephonyPort
import org.tandem.ffi.Ticket

/**
 * The same ports, from which nothing but a [HostException] escapes.
 *
 * The generated callbacks catch `Exception` only. An `Error` (a `TODO()`, a class that is missing) would be printed by JNA, text and
 * all, and the call would count as done: a carrier call that nobody dialed.
 */
internal fun Ports.shielded(): Ports = copy(
    sim = sim?.let { port ->
        object : SimPort {
            override fun slots() = shield { port.slots() }
        }
    },
    network = network?.let { port ->
        object : NetworkPort {
            override fun snapshot() = shield { port.snapshot() }
        }
    },
    contacts = contacts?.let { port ->
        object : ContactsPort {
            override fun requestPage(ticket: Ticket, cursor: String?, limit: UInt) =
                shield { port.requestPage(ticket, cursor, limit) }
        }
    },
    sms = sms?.let { port ->
        object : SmsPort {
            override fun send(ticket: Ticket, line: Line?, to: String, body: String) =
                shield { port.send(ticket, line, to, body) }
        }
    },
    telephony = telephony?.let { port ->
        object : TelephonyPort {
            override fun dial(ticket: Ticket, line: Line?, digits: String) = shield { port.dial(ticket, line, digits) }
        }
    },
    keyStore = keyStore?.let { port ->
        object : KeyStorePort {
            override fun get(name: String) = shield { port.get(name) }
            override fun put(name: String, secret: ByteArray) = shield { port.put(name, secret) }
        }
    },
    clock = clock?.let { port ->
        object : ClockPort {
            override fun now() = shield { port.now() }
        }
    },
    audio = audio?.let { port ->
        object : AudioPort {
            override fun begin(call: CallId) = shield { port.begin(call) }
            override fun end(call: CallId) = shield { port.end(call) }
        }
    },
    log = log?.let { port ->
        object : LogPort {
            override fun onLine(level: LogLevel, target: String, text: String) = shield { port.onLine(level, target, text) }
        }
    },
)

private inline fun <T> shield(call: () -> T): T = try {
    call()
} catch (said: HostException) {
    throw said
} catch (unread: Throwable) {
    // Its text may hold a number, and goes nowhere.
    throw HostException.Failed()
}
