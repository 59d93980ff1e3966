package org.tandem.dialer.contacts

import android.content.Context
import android.database.ContentObserver
import android.os.Handler
import android.os.SystemClock
import android.provider.ContactsContract
import org.tandem.dialer.host.HostVoice
import org.tandem.ffi.HostEvent

/** Tells the core, and the contacts screen, when the phone book has changed and come to rest. */
class ContactsWatch(
    private val context: Context,
    private val handler: Handler,
    private val voice: HostVoice,
    private val changed: () -> Unit,
) {
    private val debounce = Debounce()

    private val fire = Runnable {
        debounce.fired()
        voice.tell(HostEvent.ContactsChanged)
        changed()
    }

    private val observer = object : ContentObserver(handler) {
        override fun onChange(selfChange: Boolean) {
            handler.removeCallbacks(fire)
            handler.postDelayed(fire, debounce.happened(SystemClock.elapsedRealtime()))
        }
    }

    /** Again is fine: what is told twice is told once. */
    fun begin() = try {
        context.contentResolver.registerContentObserver(ContactsContract.AUTHORITY_URI, true, observer)
    } catch (notAllowed: SecurityException) {
        // Begun again after the user has allowed it.
    }
}
