package org.tandem.dialer.telecom

/** The types of foreground service to ask for, the best first: the OS refuses each whose permission the user has taken back. */
fun typesOf(inCall: Boolean, call: Int, microphone: Int, standby: Int): List<Int> =
    if (inCall) listOf(call or microphone, call) else listOf(standby)

/** Whether the OS took one of [types]. In the background it may take none. */
fun inForeground(types: List<Int>, start: (Int) -> Unit): Boolean = types.any { type ->
    try {
        start(type)
        true
    } catch (notAllowed: SecurityException) {
        false
    } catch (fromBackground: IllegalStateException) {
        // ForegroundServiceStartNotAllowedException, among others.
        false
    }
}
