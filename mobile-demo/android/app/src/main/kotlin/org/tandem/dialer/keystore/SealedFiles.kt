package org.tandem.dialer.keystore

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import org.tandem.ffi.HostException
import org.tandem.ffi.KeyStorePort

/** Seals secrets under a key that never leaves the phone's hardware. */
interface SecretCipher {
    fun seal(name: String, secret: ByteArray): ByteArray

    /** Throws [KeyGone] when the key or the blob is lost for good. */
    fun open(name: String, sealed: ByteArray): ByteArray
}

/** What was sealed can never be opened again. */
class KeyGone : Exception()

/** Keeps secrets as sealed files in the app's own storage, which opens with the first unlock after a start of the phone. */
class SealedFiles(
    private val folder: () -> File,
    private val cipher: SecretCipher,
    private val isUnlocked: () -> Boolean,
) : KeyStorePort {
    override fun get(name: String): ByteArray? = guarded {
        val file = fileOf(name)
        if (!file.exists()) return@guarded null
        try {
            cipher.open(name, file.readBytes())
        } catch (lost: KeyGone) {
            // "Failed" would be asked again for ever. Absent is the truth: the core finds the keys gone and says to register again.
            file.delete()
            null
        }
    }

    override fun put(name: String, secret: ByteArray) = guarded {
        val sealed = cipher.seal(name, secret)
        val file = fileOf(name)
        val fresh = File(file.path + ".new")
        // Durable before it replaces: after a loss of power either the old or the new one is whole.
        FileOutputStream(fresh).use {
            it.write(sealed)
            it.fd.sync()
        }
        if (!fresh.renameTo(file)) throw HostException.Failed()
    }

    private inline fun <T> guarded(act: () -> T): T {
        if (!isUnlocked()) throw HostException.Locked()
        try {
            return act()
        } catch (said: HostException) {
            throw said
        } catch (disk: IOException) {
            throw HostException.Failed()
        }
    }

    /** A name may hold anything; a file's name may not. */
    private fun fileOf(name: String): File {
        val folder = folder()
        if (!folder.isDirectory && !folder.mkdirs()) throw HostException.Failed()
        return File(folder, name.encodeToByteArray().joinToString("") { "%02x".format(it) } + ".sealed")
    }
}
