package org.tandem.dialer.presentation

import org.tandem.ffi.Line
import org.tandem.ffi.RegistrationFailure
import org.tandem.ffi.RegistrationState
import org.tandem.ffi.RegistrationView

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
): List<RegistrationCard> = lines.map { line ->
    val view = views[line]
    val state = view?.state ?: RegistrationState.Unregistered
    RegistrationCard(
        line = line,
        title = listOfNotNull(nameOf(line), view?.number).joinToString(" · "),
        text = view?.text.orEmpty(),
        fields = fields(state),
        buttons = buttons(state),
    )
}

/** A number can be typed wherever a registration begins: what the SIM tells may be wrong. */
private fun fields(state: RegistrationState): List<RegistrationField> = when (state) {
    is RegistrationState.Unregistered, is RegistrationState.NumberNeeded -> listOf(RegistrationField.NUMBER)
    is RegistrationState.Failed -> when (goesOn(state.why)) {
        true -> listOf(RegistrationField.CODE)
        false -> listOf(RegistrationField.NUMBER)
        null -> listOf(RegistrationField.NUMBER, RegistrationField.CODE)
    }
    is RegistrationState.AwaitingSms -> listOf(RegistrationField.CODE)
    is RegistrationState.Asking, is RegistrationState.AwaitingUserConfirm, is RegistrationState.Confirming,
    is RegistrationState.Registered, is RegistrationState.Unregistering,
    -> emptyList()
}

private fun buttons(state: RegistrationState): List<RegistrationButton> = when (state) {
    is RegistrationState.Unregistered, is RegistrationState.NumberNeeded -> listOf(RegistrationButton.REGISTER)
    is RegistrationState.Failed -> when (goesOn(state.why)) {
        true -> PROVING
        false -> listOf(RegistrationButton.REGISTER)
        null -> listOf(RegistrationButton.REGISTER, RegistrationButton.CONFIRM) + PROVING
    }
    is RegistrationState.Asking -> listOf(RegistrationButton.CANCEL)
    is RegistrationState.AwaitingSms -> PROVING
    is RegistrationState.AwaitingUserConfirm -> listOf(RegistrationButton.CONFIRM, RegistrationButton.CANCEL)
    is RegistrationState.Confirming, is RegistrationState.Unregistering -> emptyList()
    is RegistrationState.Registered -> listOf(RegistrationButton.UNREGISTER)
}

private val PROVING = listOf(RegistrationButton.ENTER_CODE, RegistrationButton.RESEND, RegistrationButton.CANCEL)

/**
 * Whether the attempt goes on after a failure. Null where the core's word leaves it open: these fail a beginning as well as a proof,
 * so both ways on are offered, and the one that does not fit answers `Busy` or `Stale`.
 */
private fun goesOn(why: RegistrationFailure): Boolean? = when (why) {
    is RegistrationFailure.WrongCode -> true
    is RegistrationFailure.Offline, is RegistrationFailure.TooMany, is RegistrationFailure.StoreFailed -> null
    is RegistrationFailure.NoSim, is RegistrationFailure.BadNumber, is RegistrationFailure.SmsNeverCame,
    is RegistrationFailure.SmsToOtherSim, is RegistrationFailure.TriesUsedUp, is RegistrationFailure.Expired,
    is RegistrationFailure.SmsUnavailable, is RegistrationFailure.NumberUnreachable, is RegistrationFailure.NotServed,
    is RegistrationFailure.RegisteredElsewhere, is RegistrationFailure.SimChanged, is RegistrationFailure.KeyLost,
    is RegistrationFailure.Refused,
    -> false
}
