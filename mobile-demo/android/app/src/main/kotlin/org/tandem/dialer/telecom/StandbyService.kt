package org.tandem.dialer.telecom

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE
import android.content.pm.ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL
import android.content.pm.ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE
import android.os.Build
import android.os.IBinder
import org.tandem.dialer.TandemApplication
import org.tandem.dialer.service

/**
 * Keeps the process alive and, in a call, its microphone. An ordinary app needs it to be reachable; one that the OS keeps running by
 * itself (`android:persistent`) needs only the part for calls.
 */
class StandbyService : Service() {
    override fun onBind(intent: Intent?): IBinder? = null

    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        val inCall = intent?.getBooleanExtra(EXTRA_IN_CALL, false) ?: false
        service<NotificationManager>().createNotificationChannel(
            NotificationChannel(CHANNEL, "Reachable over data", NotificationManager.IMPORTANCE_MIN),
        )
        val text = if (inCall) "In a call over data" else "Reachable over data"
        val notification = Notification.Builder(this, CHANNEL)
            .setSmallIcon(android.R.drawable.sym_action_call)
            .setContentText(text)
            .build()
        val types = typesOf(inCall, FOREGROUND_SERVICE_TYPE_PHONE_CALL, FOREGROUND_SERVICE_TYPE_MICROPHONE, standbyType())
        // Without any the process lives as long as the OS lets it.
        if (!inForeground(types) { startForeground(ID, notification, it) }) stopSelf()
        return START_STICKY
    }

    private fun standbyType(): Int = when {
        Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE -> FOREGROUND_SERVICE_TYPE_SPECIAL_USE
        // Before Android 14 this type demands nothing.
        else -> FOREGROUND_SERVICE_TYPE_PHONE_CALL
    }

    companion object {
        private const val CHANNEL = "standby"
        private const val ID = 2
        private const val EXTRA_IN_CALL = "org.tandem.dialer.IN_CALL"

        /** From the background the OS may refuse, which is no reason to fail: the call itself goes on. */
        fun begin(context: Context, inCall: Boolean) {
            if (!inCall && TandemApplication.of(context).isPersistent) {
                context.stopService(Intent(context, StandbyService::class.java))
                return
            }
            val intent = Intent(context, StandbyService::class.java).putExtra(EXTRA_IN_CALL, inCall)
            try {
                context.startForegroundService(intent)
            } catch (fromBackground: IllegalStateException) {
                return
            }
        }
    }
}
