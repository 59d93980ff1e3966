package org.tandem.dialer.sim

/** What a profile may read of a SIM. The two profiles differ here and in their manifests, nowhere else. */
interface Identity {
    /** The numbers by source, the most trusted first. */
    fun numbers(subscription: Int): List<String?>

    /** The IMSI; null where the OS refuses it. */
    fun imsi(subscription: Int): String?

    /** What this profile cannot do on this phone, each by its name; empty when nothing is missing. */
    fun degraded(): List<Degraded>
}

/** What does less than it could, and why: shown on the registration screen and in the log. */
enum class Degraded(val text: String) {
    NO_SIMS("The SIMs cannot be read: nothing can be registered."),
    NO_NUMBER("The phone does not tell its number: you type it."),
    NO_IMSI("The phone does not tell the SIM's identity: calls you dial through the carrier do not move to data."),
    NO_SMS("Texts from the carrier cannot be read: you type the code."),
    NO_SMS_SENT("SMS cannot be sent from here: the phone's texting app opens instead."),
    NO_CONTACTS("Contacts cannot be read: nobody carries a mark."),
    NO_CARRIER_CALLS("This is not the phone's dialer: carrier calls are only partly seen."),
    NO_DIALING("Carrier calls cannot be placed from here: the phone's dialer opens instead."),
    NO_MICROPHONE("The microphone is not allowed: calls over data have no sound."),
    NO_RINGING("Notifications are not allowed: calls over data ring only while this app is open."),
}
