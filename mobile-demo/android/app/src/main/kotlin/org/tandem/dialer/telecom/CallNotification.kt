package org.tandem.dialer.telecom

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Person
import android.content.Context
import android.content.Intent
import android.media.AudioAttributes
import android.media.RingtoneManager
import org.tandem.dialer.service
import org.tandem.dialer.ui.CallActivity
import org.tandem.ffi.CallId
import org.tandem.ffi.CallView

/** An incoming data call rings by its notification: over the lock screen the call screen opens, else a banner with two buttons. */
class CallNotification(private val context: Context) {
    private val manager = context.service<NotificationManager>()

    fun begin() {
        val channel = NotificationChannel(CHANNEL, "Incoming calls over data", NotificationManager.IMPORTANCE_HIGH)
        val asRingtone = AudioAttributes.Builder().setUsage(AudioAttributes.USAGE_NOTIFICATION_RINGTONE).build()
        channel.setSound(RingtoneManager.getDefaultUri(RingtoneManager.TYPE_RINGTONE), asRingtone)
        manager.createNotificationChannel(channel)
    }

    fun ring(view: CallView, name: String) {
        val open = intent(view.call, null)
        val who = Person.Builder().setName(name).setImportant(true).build()
        val answer = intent(view.call, CallActivity.ACTION_ACCEPT)
        val refuse = intent(view.call, CallActivity.ACTION_REFUSE)
        val notification = Notification.Builder(context, CHANNEL)
            .setSmallIcon(android.R.drawable.sym_call_incoming)
            .setCategory(Notification.CATEGORY_CALL)
            .setOngoing(true)
            .setContentIntent(open)
            .setFullScreenIntent(open, true)
            .setStyle(Notification.CallStyle.forIncomingCall(who, refuse, answer))
            .build()
        notification.flags = notification.flags or Notification.FLAG_INSISTENT
        manager.notify(view.call, ID, notification)
    }

    /** It rings no more, for whatever reason. */
    fun stop(call: CallId) = manager.cancel(call, ID)

    private fun intent(call: CallId, action: String?): PendingIntent {
        val intent = Intent(context, CallActivity::class.java)
            .setAction(action ?: Intent.ACTION_VIEW)
            .putExtra(CallActivity.EXTRA_CALL, call)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_SINGLE_TOP)
        return PendingIntent.getActivity(
            context,
            (call + action).hashCode(),
            intent,
            PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT,
        )
    }

    private companion object {
        const val CHANNEL = "ring"
        const val ID = 1
    }
}
