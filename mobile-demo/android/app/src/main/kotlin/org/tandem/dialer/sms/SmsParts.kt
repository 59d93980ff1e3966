package org.tandem.dialer.sms

/** A received SMS, put together. */
data class ReceivedSms(val from: String, val body: String)

/** One part as it came over the air; the network may leave out either word. */
data class SmsPart(val from: String?, val body: String?)

/** The parts of one broadcast are one SMS, in order. Null when it says nothing. */
fun joined(parts: List<SmsPart>): ReceivedSms? {
    val body = parts.joinToString("") { it.body.orEmpty() }
    if (body.isEmpty()) return null
    return ReceivedSms(parts.firstNotNullOfOrNull { it.from }.orEmpty(), body)
}
