package org.tandem.dialer.keystore

import java.io.File
import java.io.IOException
import kotlin.experimental.xor
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import org.tandem.ffi.HostException

class SealedFilesTest {
    @TempDir
    lateinit var folder: File
    private var unlocked = true
    private var key = 0x5a.toByte()
    private var broken = false

    private val cipher = object : SecretCipher {
        override fun seal(name: String, secret: ByteArray): ByteArray {
            if (broken) throw IOException("busy")
            return byteArrayOf(key) + secret.map { it xor key }
        }

        override fun open(name: String, sealed: ByteArray): ByteArray {
            if (broken) throw IOException("busy")
            if (sealed.firstOrNull() != key) throw KeyGone()
            return sealed.drop(1).map { it xor key }.toByteArray()
        }
    }
    private val store = SealedFiles({ File(folder, "keys") }, cipher) { unlocked }
    private val secret = "marked secret".encodeToByteArray()

    @Test
    fun `a secret is kept sealed, and replaced`() {
        assertNull(store.get("device"))
        store.put("device", secret)
        assertArrayEquals(secret, store.get("device"))
        val kept = File(folder, "keys").listFiles().orEmpty()
        assertEquals(1, kept.size)
        assertEquals(false, "marked secret" in kept.single().readText())
        store.put("device", byteArrayOf(1))
        assertArrayEquals(byteArrayOf(1), store.get("device"))
    }

    @Test
    fun `a phone that was not unlocked since it started never says absent`() {
        store.put("device", secret)
        unlocked = false
        assertThrows<HostException.Locked> { store.get("device") }
        assertThrows<HostException.Locked> { store.get("never put") }
        assertThrows<HostException.Locked> { store.put("device", secret) }
        unlocked = true
        assertArrayEquals(secret, store.get("device"))
    }

    @Test
    fun `a key that is gone for good is absent, so that the user can register again`() {
        store.put("device", secret)
        key = 0x11
        assertNull(store.get("device"))
    }

    @Test
    fun `a key store that is busy has failed, and what was kept stays`() {
        store.put("device", secret)
        broken = true
        assertThrows<HostException.Failed> { store.get("device") }
        assertThrows<HostException.Failed> { store.put("device", byteArrayOf(1)) }
        broken = false
        assertArrayEquals(secret, store.get("device"))
    }

    @Test
    fun `a name may hold anything and stays in its folder`() {
        store.put("../../etc/x", secret)
        assertArrayEquals(secret, store.get("../../etc/x"))
        assertEquals(listOf("keys"), folder.list()?.toList())
    }
}
