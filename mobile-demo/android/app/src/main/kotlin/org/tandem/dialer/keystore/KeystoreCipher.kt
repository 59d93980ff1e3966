package org.tandem.dialer.keystore

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/** AES-GCM under a key that lives in AndroidKeyStore. A sealed blob is a version, the nonce, and the ciphertext with its tag. */
class KeystoreCipher : SecretCipher {
    override fun seal(name: String, secret: ByteArray): ByteArray = inHardware {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, key() ?: newKey())
        // A blob that is moved to another name does not open.
        cipher.updateAAD(name.encodeToByteArray())
        byteArrayOf(VERSION) + cipher.iv + cipher.doFinal(secret)
    }

    override fun open(name: String, sealed: ByteArray): ByteArray = inHardware {
        if (sealed.size < 1 + NONCE_BYTES || sealed[0] != VERSION) throw KeyGone()
        val key = key() ?: throw KeyGone()
        val nonce = sealed.copyOfRange(1, 1 + NONCE_BYTES)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, nonce))
        cipher.updateAAD(name.encodeToByteArray())
        cipher.doFinal(sealed, 1 + NONCE_BYTES, sealed.size - 1 - NONCE_BYTES)
    }

    private fun key(): SecretKey? = KeyStore.getInstance(PROVIDER).run {
        load(null)
        getKey(ALIAS, null) as SecretKey?
    }

    /** Usable while the screen is locked: a call must ring then. The first unlock after a start opens the storage itself. */
    private fun newKey(): SecretKey = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).run {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        init(
            KeyGenParameterSpec.Builder(ALIAS, purposes)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setKeySize(256)
                .build(),
        )
        generateKey()
    }

    /** What is lost for good is told apart from what may work next time. */
    private inline fun <T> inHardware(act: () -> T): T = try {
        act()
    } catch (forged: AEADBadTagException) {
        throw KeyGone()
    } catch (wiped: KeyPermanentlyInvalidatedException) {
        throw KeyGone()
    } catch (busy: GeneralSecurityException) {
        throw IOException("the key store failed")
    } catch (busy: ProviderException) {
        throw IOException("the key store failed")
    }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val ALIAS = "tandem"
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val VERSION: Byte = 1
        const val NONCE_BYTES = 12
        const val TAG_BITS = 128
    }
}
