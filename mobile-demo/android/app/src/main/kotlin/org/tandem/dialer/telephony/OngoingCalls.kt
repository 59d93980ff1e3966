package org.tandem.dialer.telephony

import android.telecom.Call
import android.telecom.InCallService
import android.telecom.VideoProfile
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import org.tandem.dialer.presentation.CarrierCallView

/** The carrier calls that are going on, for the call screen and its buttons. */
class OngoingCalls {
    private val calls = LinkedHashMap<Int, Call>()
    private var newest = 0
    private val views = MutableStateFlow<List<CarrierCallView>>(emptyList())
    private var service: InCallService? = null
    private var muted = false

    val shown: StateFlow<List<CarrierCallView>> = views

    @Synchronized
    fun added(service: InCallService, call: Call) {
        this.service = service
        calls[++newest] = call
        changed()
    }

    @Synchronized
    fun removed(call: Call) {
        calls.values.remove(call)
        if (calls.isEmpty()) service = null
        changed()
    }

    @Synchronized
    fun muted(on: Boolean) {
        muted = on
        changed()
    }

    @Synchronized
    fun changed() {
        views.value = calls.map { (key, call) ->
            CarrierCallView(
                key = key,
                number = call.details.handle?.schemeSpecificPart.orEmpty(),
                state = CarrierInCallService.stateOf(call) ?: CarrierState.DIALING,
                muted = muted,
            )
        }
    }

    fun answer(key: Int) = on(key) { answer(VideoProfile.STATE_AUDIO_ONLY) }
    fun refuse(key: Int) = on(key) { reject(false, null) }
    fun hangUp(key: Int) = on(key) { disconnect() }
    fun hold(key: Int, on: Boolean) = on(key) { if (on) hold() else unhold() }

    @Synchronized
    fun mute(on: Boolean) {
        service?.setMuted(on)
    }

    @Synchronized
    private fun on(key: Int, act: Call.() -> Unit) {
        calls[key]?.act()
    }
}
