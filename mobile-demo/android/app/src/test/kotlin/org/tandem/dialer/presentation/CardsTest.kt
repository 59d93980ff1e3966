package org.tandem.dialer.presentation

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.BOB
import org.tandem.dialer.callView
import org.tandem.dialer.telephony.CarrierState
import org.tandem.ffi.CallEnd
import org.tandem.ffi.CallState
import org.tandem.ffi.Choice
import org.tandem.ffi.Prompt
import org.tandem.ffi.PromptAbout
import org.tandem.ffi.RegistrationFailure
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.RegistrationView
import org.tandem.ffi.Resend
import org.tandem.ffi.ResendRefusal

class CardsTest {
    private fun screen(state: CallState, outgoing: Boolean = true, held: Boolean = false, muted: Boolean = false) =
        callScreen(callView(state, outgoing, held), muted, { "Bob" }, { "what it does" })

    @Test
    fun `a call that rings here is answered or refused, one that rings there is hung up`() {
        assertEquals(listOf(CallButton.ACCEPT, CallButton.REFUSE), screen(CallState.Ringing, outgoing = false).buttons)
        assertEquals(listOf(CallButton.HANG_UP), screen(CallState.Ringing).buttons)
    }

    @Test
    fun `in a call one can mute, hold and hang up, and take back what is on`() {
        assertEquals(listOf(CallButton.MUTE, CallButton.HOLD, CallButton.HANG_UP), screen(CallState.Active).buttons)
        val held = screen(CallState.Active, held = true, muted = true)
        assertEquals(listOf(CallButton.UNMUTE, CallButton.UNHOLD, CallButton.HANG_UP), held.buttons)
    }

    @Test
    fun `every state that is not over can be ended, except where the carrier has the call`() {
        val open = listOf(
            CallState.Checking, CallState.Asking, CallState.Calling, CallState.Ringing, CallState.Connecting, CallState.Active,
            CallState.Reconnecting,
        )
        for (state in open) assertTrue(CallButton.HANG_UP in screen(state).buttons, "$state")
        assertEquals(listOf(CallButton.CLOSE), screen(CallState.Carrier).buttons)
        assertEquals(listOf(CallButton.CLOSE), screen(CallState.Ended(CallEnd.BUSY)).buttons)
    }

    @Test
    fun `what a call does is said in the core's words, but who rings and who holds in the screen's`() {
        for (state in listOf(CallState.Checking, CallState.Ringing, CallState.Active, CallState.Ended(CallEnd.BUSY))) {
            assertEquals("what it does", screen(state).state)
        }
        assertEquals("Incoming call over data", screen(CallState.Ringing, outgoing = false).state)
        assertEquals("On hold", screen(CallState.Active, held = true).state)
        val heldByPeer = callScreen(callView(CallState.Active, heldByPeer = true), false, { null }, { "" })
        assertEquals("You are on hold", heldByPeer.state)
    }

    @Test
    fun `a carrier call has the same screen`() {
        val ringing = carrierScreen(CarrierCallView(0, "", CarrierState.RINGING, false)) { null }
        assertEquals("Unknown number", ringing.title)
        assertEquals(listOf(CallButton.ACCEPT, CallButton.REFUSE), ringing.buttons)
        val held = carrierScreen(CarrierCallView(0, BOB, CarrierState.HELD, true)) { "Bob" }
        assertEquals(listOf(CallButton.UNMUTE, CallButton.UNHOLD, CallButton.HANG_UP), held.buttons)
    }

    @Test
    fun `a prompt shows the core's words and whatever choices it has`() {
        val choices = listOf(Choice.Number(BOB), Choice.Number("+491"), Choice.Carrier, Choice.Wait, Choice.Quit)
        val prompt = Prompt(1U, PromptAbout.WhichNumber("b"), choices, "Which number of Bob?")
        val card = promptCard(prompt, { it::class.simpleName.orEmpty() }, { if (it == BOB) "Bob" else null })
        assertEquals("Which number of Bob?", card.text)
        assertEquals(listOf("Bob $BOB", "+491", "Carrier", "Wait", "Quit"), card.buttons.map { it.text })
        assertEquals(choices, card.buttons.map { it.choice })
    }

    private fun card(state: RegistrationState?, resend: Resend? = null) = registrationCards(
        lines = listOf(0U),
        views = if (state == null) emptyMap() else mapOf(0.toUByte() to RegistrationView(0U, BOB, state, "words", resend)),
        nameOf = { "SIM 1" },
        refusalOf = { "why none was sent" },
    ).single()

    /** What another SMS can be asked for is an attempt that goes on. */
    private val goesOn = Resend(0, false, null)

    @Test
    fun `a SIM the core has not told of can be registered, with or without a typed number`() {
        val card = card(null)
        assertEquals("SIM 1", card.title)
        assertEquals(listOf(RegistrationField.NUMBER), card.fields)
        assertEquals(listOf(RegistrationButton.REGISTER), card.buttons)
    }

    @Test
    fun `an SMS that was read is confirmed by the user and by nobody else`() {
        val card = card(RegistrationState.AwaitingUserConfirm)
        assertEquals("SIM 1 · $BOB", card.title)
        assertEquals(listOf(RegistrationButton.CONFIRM, RegistrationButton.CANCEL), card.buttons)
    }

    @Test
    fun `while the SMS is waited for its code can be typed`() {
        val card = card(RegistrationState.AwaitingSms(0, false))
        assertEquals(listOf(RegistrationField.CODE), card.fields)
        assertTrue(RegistrationButton.ENTER_CODE in card.buttons && RegistrationButton.RESEND in card.buttons)
    }

    @Test
    fun `a wrong code can be typed again, and what is over begins again`() {
        val wrong = card(RegistrationState.Failed(RegistrationFailure.WrongCode(2U)), goesOn)
        assertEquals(listOf(RegistrationField.CODE), wrong.fields)
        assertTrue(RegistrationButton.ENTER_CODE in wrong.buttons && RegistrationButton.REGISTER !in wrong.buttons)
        assertEquals(
            listOf(RegistrationButton.REGISTER),
            card(RegistrationState.Failed(RegistrationFailure.TriesUsedUp)).buttons,
        )
    }

    @Test
    fun `a failed proof goes on while another SMS could be asked for, and a failed beginning begins again`() {
        val offline = RegistrationState.Failed(RegistrationFailure.Offline)
        assertTrue(card(offline, goesOn).buttons.containsAll(listOf(RegistrationButton.CONFIRM, RegistrationButton.ENTER_CODE)))
        assertEquals(listOf(RegistrationButton.REGISTER), card(offline).buttons)
    }

    @Test
    fun `why no other SMS was sent is told beside the state`() {
        assertEquals("words", card(RegistrationState.AwaitingSms(0, false), goesOn).text)
        val refused = Resend(0, false, ResendRefusal.SmsUnavailable)
        assertEquals("words\nwhy none was sent", card(RegistrationState.AwaitingSms(0, false), refused).text)
    }

    @Test
    fun `a registered SIM can be unregistered`() =
        assertEquals(listOf(RegistrationButton.UNREGISTER), card(RegistrationState.Registered).buttons)
}
