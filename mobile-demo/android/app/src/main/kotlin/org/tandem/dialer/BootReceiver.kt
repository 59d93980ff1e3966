package org.tandem.dialer

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.tandem.dialer.telecom.StandbyService
import org.tandem.ffi.HostEvent

/** After the first unlock the process starts, and with it the core; the broadcast itself only wakes what is there. */
class BootReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        if (intent.action != Intent.ACTION_BOOT_COMPLETED && intent.action != Intent.ACTION_MY_PACKAGE_REPLACED) return
        TandemApplication.of(context).host.voice.tell(HostEvent.Woken)
        StandbyService.begin(context, inCall = false)
    }
}
