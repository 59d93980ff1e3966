package org.tandem.dialer.app

import android.content.Context
import org.tandem.dialer.TandemApplication
import org.tandem.dialer.host.Permissions
import org.tandem.dialer.sim.Degraded
import org.tandem.dialer.sim.Identity
import org.tandem.dialer.sim.PublicNumbers

/** The ordinary installed app: public API only, and whatever the user allows. */
class AppApplication : TandemApplication() {
    override fun identity(): Identity = AppIdentity(this, ::hasDialerRole)
}

private class AppIdentity(private val context: Context, private val hasDialerRole: () -> Boolean) : Identity {
    private val public = PublicNumbers(context)

    override fun numbers(subscription: Int): List<String?> = public.of(subscription)

    /** Since Android 10 the OS gives it to no ordinary app. */
    override fun imsi(subscription: Int): String? = null

    override fun degraded(): List<Degraded> = listOfNotNull(
        Degraded.NO_IMSI,
        Degraded.NO_CARRIER_CALLS.takeUnless { hasDialerRole() },
    ) + Permissions.degraded(context)
}
