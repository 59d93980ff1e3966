package org.tandem.dialer.contacts

import android.content.Context
import android.provider.ContactsContract.CommonDataKinds.Phone
import org.tandem.dialer.presentation.Contact
import org.tandem.dialer.sim.orAbsent

/** The contacts with their numbers as they are written, for the screen. */
class ContactCards(private val context: Context) {
    /** Empty where they may not be read. Takes as long as the provider does: not for the main thread. */
    fun read(): List<Contact> {
        val rows = ArrayList<Pair<Key, String>>()
        val cursor = try {
            context.contentResolver.query(Phone.CONTENT_URI, COLUMNS, null, null, Phone.DISPLAY_NAME_PRIMARY)
        } catch (notAllowed: SecurityException) {
            null
        }
        cursor?.use {
            while (it.moveToNext()) {
                val written = it.getString(2).orAbsent() ?: continue
                val name = it.getString(1).orAbsent() ?: written
                rows += Key(it.getString(0).orEmpty(), name) to written
            }
        }
        return rows.groupBy({ it.first }, { it.second }).map { (key, numbers) ->
            Contact(key.lookup, key.name, numbers.distinct())
        }
    }

    private data class Key(val lookup: String, val name: String)

    private companion object {
        val COLUMNS = arrayOf(Phone.LOOKUP_KEY, Phone.DISPLAY_NAME_PRIMARY, Phone.NUMBER)
    }
}
