package org.tandem.dialer

import android.app.Application
import android.app.role.RoleManager
import android.content.Context
import android.content.pm.PackageManager
import java.io.File
import org.tandem.dialer.host.CallPlacer
import org.tandem.dialer.host.DialerHost
import org.tandem.dialer.net.SystemRoots
import org.tandem.dialer.sim.Identity
import org.tandem.ffi.CoreConfig

/** The process. Each profile has its own, named in its manifest, because they may read different things of a SIM. */
abstract class TandemApplication : Application() {
    /** What this profile may read. */
    protected abstract fun identity(): Identity

    /** Whether the OS keeps this process running by itself. */
    open val isPersistent: Boolean get() = false

    val host: DialerHost by lazy { DialerHost(this, identity(), ::hasDialerRole) }

    override fun onCreate() {
        super.onCreate()
        host.begin {
            CoreConfig(
                server = server(),
                database = database().path,
                roots = SystemRoots.read(),
                hangAfterMs = CallPlacer.HANG_AFTER_MS,
            )
        }
    }

    fun hasDialerRole(): Boolean = service<RoleManager>().isRoleHeld(RoleManager.ROLE_DIALER)

    /** In the app's own folder, which backups leave out: another phone's history would be a stranger's. */
    private fun database(): File = File(noBackupFilesDir, "tandem").apply { mkdirs() }.resolve("tandem.db")

    private fun server(): String {
        val flags = PackageManager.ApplicationInfoFlags.of(PackageManager.GET_META_DATA.toLong())
        return packageManager.getApplicationInfo(packageName, flags).metaData?.getString("org.tandem.server").orEmpty()
    }

    companion object {
        fun of(context: Context): TandemApplication = context.applicationContext as TandemApplication
    }
}
