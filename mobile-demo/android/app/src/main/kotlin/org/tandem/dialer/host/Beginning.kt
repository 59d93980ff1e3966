package org.tandem.dialer.host

import kotlinx.coroutines.CancellationException
import org.tandem.ffi.TandemException

/**
 * What [start] makes; null when it cannot, which is said.
 *
 * A dialer lives without its core, so nothing ends it here: not a library that does not load or is another version's, not a phone
 * whose list of certificates cannot be read.
 */
suspend fun <T> begun(start: suspend () -> T, words: (TandemException) -> String, say: (String) -> Unit): T? = try {
    start()
} catch (end: CancellationException) {
    throw end
} catch (no: TandemException) {
    say("${words(no)} $CARRIER_WORKS")
    null
} catch (broken: Throwable) {
    say("Calls and texts over data cannot begin. $CARRIER_WORKS")
    null
}

private const val CARRIER_WORKS = "Calls go through your carrier."
