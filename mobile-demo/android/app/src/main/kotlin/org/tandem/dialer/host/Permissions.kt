package org.tandem.dialer.host

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import org.tandem.dialer.sim.Degraded

/** What the user is asked to allow, and what is less without it. */
object Permissions {
    val ASKED: List<String> = listOf(
        Manifest.permission.READ_PHONE_STATE,
        Manifest.permission.READ_PHONE_NUMBERS,
        Manifest.permission.READ_CONTACTS,
        Manifest.permission.CALL_PHONE,
        Manifest.permission.RECORD_AUDIO,
        Manifest.permission.RECEIVE_SMS,
        Manifest.permission.SEND_SMS,
        Manifest.permission.POST_NOTIFICATIONS,
    )

    private val LACKING = mapOf(
        Manifest.permission.READ_PHONE_NUMBERS to Degraded.NO_NUMBER,
        Manifest.permission.READ_CONTACTS to Degraded.NO_CONTACTS,
        Manifest.permission.CALL_PHONE to Degraded.NO_DIALING,
        Manifest.permission.RECORD_AUDIO to Degraded.NO_MICROPHONE,
        Manifest.permission.RECEIVE_SMS to Degraded.NO_SMS,
        Manifest.permission.SEND_SMS to Degraded.NO_SMS_SENT,
        Manifest.permission.POST_NOTIFICATIONS to Degraded.NO_RINGING,
        Manifest.permission.READ_PHONE_STATE to Degraded.NO_SIMS,
    )

    fun missing(context: Context): List<String> =
        ASKED.filter { context.checkSelfPermission(it) != PackageManager.PERMISSION_GRANTED }

    fun degraded(context: Context): List<Degraded> = missing(context).mapNotNull { LACKING[it] }
}
