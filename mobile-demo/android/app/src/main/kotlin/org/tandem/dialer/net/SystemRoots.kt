package org.tandem.dialer.net

import java.security.KeyStore
import java.security.KeyStoreException
import java.security.cert.X509Certificate

/**
 * The certificates the phone trusts, handed to the core as its own list.
 *
 * Left to itself (`roots` absent) the core asks Android's verifier through JNI, which works only in a process that has initialised that
 * verifier natively and carries its Java half; this app has neither, and the first connection would be a fault.
 */
object SystemRoots {
    /** Those that came with the OS: what a user or an administrator added is not trusted with calls. */
    fun read(): List<ByteArray> = try {
        val store = KeyStore.getInstance("AndroidCAStore").apply { load(null) }
        store.aliases().toList()
            .filter { it.startsWith("system:") }
            .mapNotNull { (store.getCertificate(it) as? X509Certificate)?.encoded }
    } catch (broken: KeyStoreException) {
        // An empty list trusts nobody: no connection, and the carrier works.
        emptyList()
    }
}
