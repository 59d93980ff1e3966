package org.tandem.dialer.host

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.tandem.ffi.HostEvent
import org.tandem.ffi.HostReply
import org.tandem.ffi.TandemException
import org.tandem.ffi.Ticket

class HostVoiceTest {
    private val heard = ArrayList<HostEvent>()
    private val replies = ArrayList<Ticket>()
    private val later = ArrayList<() -> Unit>()
    private val voice = HostVoice { _, act -> later += act }
    private var refusal: TandemException? = null
    private var onHearing: () -> Unit = {}

    private val ear = object : Ear {
        override fun notify(event: HostEvent) {
            refusal?.let { throw it }
            heard += event
            onHearing()
        }

        override fun hostReply(ticket: Ticket, reply: HostReply) {
            replies += ticket
        }
    }

    private fun sms(body: String) = HostEvent.SmsReceived(0U, "Tandem", body)

    @Test
    fun `what happens before the core has started waits for it, in order`() {
        voice.tell(sms("one"))
        voice.tell(HostEvent.NetworkChanged)
        voice.begin(ear)
        voice.tell(sms("two"))
        assertEquals(listOf(sms("one"), HostEvent.NetworkChanged, sms("two")), heard)
    }

    @Test
    fun `a core that is full is told again, and loses nothing`() {
        voice.begin(ear)
        refusal = TandemException.Full()
        voice.tell(sms("one"))
        voice.tell(sms("two"))
        assertEquals(1, later.size, "one alarm clock is enough")
        refusal = null
        later.removeFirst()()
        assertEquals(listOf(sms("one"), sms("two")), heard)
    }

    @Test
    fun `looking again waits once, an SMS as often as it came`() {
        repeat(1000) { voice.tell(HostEvent.ContactsChanged) }
        repeat(2) { voice.tell(sms("same")) }
        voice.begin(ear)
        assertEquals(listOf(HostEvent.ContactsChanged, sms("same"), sms("same")), heard)
    }

    @Test
    fun `waiting has a bound, and the newest stays`() {
        repeat(HostVoice.WAITING_MAX + 3) { voice.tell(sms("$it")) }
        voice.begin(ear)
        assertEquals(HostVoice.WAITING_MAX, heard.size)
        assertEquals(sms("${HostVoice.WAITING_MAX + 2}"), heard.last())
        assertEquals(3, voice.dropped)
    }

    @Test
    fun `a core that has stopped is told nothing and disturbs nobody`() {
        voice.begin(ear)
        refusal = TandemException.Stopped()
        voice.tell(sms("one"))
        voice.tell(HostEvent.Woken)
        assertEquals(emptyList<Any>(), heard + later)
    }

    @Test
    fun `a port that speaks while it is spoken to is heard once`() {
        var again = true
        onHearing = {
            if (again) {
                again = false
                voice.reply(7U, HostReply.CarrierDialed(true))
            }
        }
        voice.begin(ear)
        voice.tell(sms("one"))
        assertEquals(listOf(sms("one")), heard)
        assertEquals(listOf(7UL), replies)
    }
}
