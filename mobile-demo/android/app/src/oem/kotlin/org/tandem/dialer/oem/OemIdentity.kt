package org.tandem.dialer.oem

import android.content.Context
import android.telephony.TelephonyManager
import org.tandem.dialer.host.Permissions
import org.tandem.dialer.service
import org.tandem.dialer.sim.Degraded
import org.tandem.dialer.sim.Identity
import org.tandem.dialer.sim.PublicNumbers
import org.tandem.dialer.sim.orAbsent

/**
 * What an OS build may read, by API that is hidden from ordinary apps. This package is the only place of hidden API: the SDK's
 * `android.jar` does not have it, so this flavour is built inside the OS tree (`platform_apis: true`) or against a full framework jar.
 */
class OemIdentity(private val context: Context) : Identity {
    private val telephony = context.service<TelephonyManager>()
    private val public = PublicNumbers(context)

    /** What the SIM itself holds comes last, as in the public sources, but is asked for even where those were never filled. */
    override fun numbers(subscription: Int): List<String?> =
        public.of(subscription) + runCatching { telephony.getLine1Number(subscription) }.getOrNull()

    /** With READ_PRIVILEGED_PHONE_STATE; null while the SIM is locked. */
    override fun imsi(subscription: Int): String? =
        runCatching { telephony.getSubscriberId(subscription) }.getOrNull().orAbsent()

    override fun degraded(): List<Degraded> = Permissions.degraded(context)
}
