package org.tandem.dialer.oem

import org.tandem.dialer.TandemApplication
import org.tandem.dialer.sim.Identity

/** The dialer that is part of the OS build: privileged permissions, kept running by the OS. */
class OemApplication : TandemApplication() {
    override fun identity(): Identity = OemIdentity(this)

    override val isPersistent: Boolean get() = true
}
