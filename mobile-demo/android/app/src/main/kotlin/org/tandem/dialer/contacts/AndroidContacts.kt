package org.tandem.dialer.contacts

import android.content.ContentResolver
import android.content.Context
import android.os.Bundle
import android.os.UserManager
import android.provider.ContactsContract.CommonDataKinds.Phone
import java.util.concurrent.Executor
import org.tandem.dialer.host.HostVoice
import org.tandem.dialer.service
import org.tandem.ffi.ContactsPort
import org.tandem.ffi.HostException
import org.tandem.ffi.HostReply
import org.tandem.ffi.Ticket

/** Reads the phone book for the core, page by page, on a thread of its own: a query may take long. */
class AndroidContacts(context: Context, private val executor: Executor, private val voice: HostVoice) : ContactsPort {
    private val users = context.service<UserManager>()
    private val book = PhoneBook(PhoneTable(context.contentResolver))

    override fun requestPage(ticket: Ticket, cursor: String?, limit: UInt) {
        executor.execute { voice.reply(ticket, answer(cursor, limit)) }
    }

    private fun answer(cursor: String?, limit: UInt): HostReply = try {
        if (!users.isUserUnlocked) throw HostException.Locked()
        val page = book.page(cursor, limit)
        HostReply.ContactsPage(page.numbers, page.next)
    } catch (no: HostException) {
        HostReply.NoContacts(no)
    } catch (notAllowed: SecurityException) {
        // The user may allow it later.
        HostReply.NoContacts(HostException.Locked())
    } catch (broken: RuntimeException) {
        HostReply.NoContacts(HostException.Failed())
    }
}

/** All numbers of the phone book in the order of their ids. */
private class PhoneTable(private val resolver: ContentResolver) : NumberTable {
    override fun after(id: Long, atMost: Int): List<NumberRow> {
        val asked = Bundle().apply {
            putString(ContentResolver.QUERY_ARG_SQL_SELECTION, "${Phone._ID} > ?")
            putStringArray(ContentResolver.QUERY_ARG_SQL_SELECTION_ARGS, arrayOf(id.toString()))
            putString(ContentResolver.QUERY_ARG_SQL_SORT_ORDER, "${Phone._ID} ASC")
            putInt(ContentResolver.QUERY_ARG_LIMIT, atMost)
        }
        val rows = ArrayList<NumberRow>()
        // No cursor at all means that the provider died or is not up yet.
        val cursor = resolver.query(Phone.CONTENT_URI, arrayOf(Phone._ID, Phone.NUMBER), asked, null)
            ?: throw HostException.Failed()
        cursor.use {
            while (rows.size < atMost && it.moveToNext()) rows += NumberRow(it.getLong(0), it.getString(1))
        }
        return rows
    }
}
