package org.tandem.dialer.host

import org.tandem.ffi.TandemException
import org.tandem.ffi.errorText

/** What [no] is called. The words are the core's, and a phone whose core does not load has some of its own. */
fun wordsOf(no: TandemException, words: (TandemException) -> String = ::errorText): String = try {
    words(no)
} catch (notLoaded: LinkageError) {
    "Calls and texts over data do not work. The carrier does."
}
