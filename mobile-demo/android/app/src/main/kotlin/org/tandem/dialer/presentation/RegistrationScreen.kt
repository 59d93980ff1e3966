package org.tandem.dialer.presentation

import org.tandem.ffi.Line
import org.tandem.ffi.RegistrationFailure
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.RegistrationView
import org.tandem.ffi.ResendRefusal

/** What the user types. */
enum class RegistrationField(val hint: String) {
    NUMBER("Number of this SIM, with country code"),
    CODE("Code from the SMS, eight digits"),
}

/** What the user can do. */
enum class RegistrationButton(val text: String) {
    REGISTER("Register"),
    CONFIRM("Confirm"),
    ENTER_CODE("Use this code"),
    RESEND("Send the SMS again"),
    CANCEL("Give up"),
    UNREGISTER("Unregister"),
}

/** One SIM on the registration screen. */
data class RegistrationCard(
    val line: Line,
    val title: String,
    val text: String,
    val fields: List<RegistrationField>,
    val buttons: List<RegistrationButton>,
)

/** A card for each SIM; one the core has not told of yet is not registered. */
fun registrationCards(
    lines: List<Line>,
    views: Map<Line, RegistrationView>,
    nameOf: (Line) -> String,
    refusalOf: (ResendRefusal) -> String,
): List<RegistrationCard> = lines.map { line ->
    val view = views[line]
    val state = view?.state ?: RegistrationState.Unregistered
    RegistrationCard(
        line = line,
        title = listOfNotNull(nameOf(line), view?.number).joinToString(" · "),
        text = listOfNotNull(view?.text, view?.resend?.refused?.let(refusalOf)).joinToString("\n"),
        fields = fields(state, goesOn = view?.resend != null),
        buttons = buttons(state, goesOn = view?.resend != null),
    )
}

/**
 * A number can be typed wherever a registration begins: what the SIM tells may be wrong. A failed proof does not end its attempt, which
 * `goesOn` while another SMS could be asked for.
 */
private fun fields(state: RegistrationState, goesOn: Boolean): List<RegistrationField> = when (state) {
    is RegistrationState.Unregistered, is RegistrationState.NumberNeeded -> listOf(RegistrationField.NUMBER)
    is RegistrationState.Failed -> listOf(if (goesOn) RegistrationField.CODE else RegistrationField.NUMBER)
    is RegistrationState.AwaitingSms -> listOf(RegistrationField.CODE)
    is RegistrationState.Asking, is RegistrationState.AwaitingUserConfirm, is RegistrationState.Confirming,
    is RegistrationState.Registered, is RegistrationState.Unregistering,
    -> emptyList()
}

private fun buttons(state: RegistrationState, goesOn: Boolean): List<RegistrationButton> = when (state) {
    is RegistrationState.Unregistered, is RegistrationState.NumberNeeded -> listOf(RegistrationButton.REGISTER)
    is RegistrationState.Failed -> when {
        !goesOn -> listOf(RegistrationButton.REGISTER)
        state.why is RegistrationFailure.WrongCode -> PROVING
        // What was not heard may be said again, be it what the SMS said or what is typed.
        else -> listOf(RegistrationButton.CONFIRM) + PROVING
    }
    is RegistrationState.Asking -> listOf(RegistrationButton.CANCEL)
    is RegistrationState.AwaitingSms -> PROVING
    is RegistrationState.AwaitingUserConfirm -> listOf(RegistrationButton.CONFIRM, RegistrationButton.CANCEL)
    is RegistrationState.Confirming, is RegistrationState.Unregistering -> emptyList()
    is RegistrationState.Registered -> listOf(RegistrationButton.UNREGISTER)
}

private val PROVING = listOf(RegistrationButton.ENTER_CODE, RegistrationButton.RESEND, RegistrationButton.CANCEL)
