package org.tandem.dialer.manifest

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.dialer.host.Permissions
import org.w3c.dom.Element

/** Nothing else here reads the manifests, and a name that is wrong in them is noticed only on a phone. */
class ManifestTest {
    private val shared = read("app/src/main/AndroidManifest.xml")
    private val app = read("app/src/app/AndroidManifest.xml")
    private val oem = read("app/src/oem/AndroidManifest.xml")

    /** The framework's permissions, hidden ones too, as its own class lists them. */
    private val known = Class.forName("android.Manifest\$permission", false, javaClass.classLoader)
        .fields.map { it.get(null) as String }.toSet()

    private fun read(path: String): Element =
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File(path)).documentElement

    private fun Element.all(tag: String): List<Element> =
        getElementsByTagName(tag).let { found -> (0 until found.length).map { found.item(it) as Element } }

    private fun Element.named(tag: String): List<String> = all(tag).map { it.getAttribute("android:name") }

    @Test
    fun `every component is a class of the app, of the right kind`() {
        val kinds = mapOf(
            "activity" to "android.app.Activity",
            "service" to "android.app.Service",
            "receiver" to "android.content.BroadcastReceiver",
            "application" to "android.app.Application",
        )
        var seen = 0
        for ((tag, kind) in kinds) {
            for (name in listOf(shared, app, oem).flatMap { it.named(tag) }.filter(String::isNotEmpty)) {
                val kindClass = Class.forName(kind, false, javaClass.classLoader)
                assertTrue(kindClass.isAssignableFrom(Class.forName(name, false, javaClass.classLoader)), name)
                seen++
            }
        }
        assertEquals(14, seen)
    }

    @Test
    fun `every permission is the framework's`() {
        val asked = listOf(shared, app, oem).flatMap { it.named("uses-permission") }
        val guards = listOf("service", "receiver").flatMap { shared.all(it) }.map { it.getAttribute("android:permission") }
        assertEquals(emptyList<String>(), (asked + guards.filter(String::isNotEmpty)).filter { it !in known })
    }

    @Test
    fun `what the user is asked for is in the manifest`() =
        assertEquals(emptyList<String>(), Permissions.ASKED - shared.named("uses-permission").toSet())

    @Test
    fun `the allow-list of the OS build is the OEM manifest's, neither more nor less`() {
        val allowed = read("profiles/oem/privapp-permissions-tandem.xml").all("permission").map { it.getAttribute("name") }
        assertEquals(oem.named("uses-permission").sorted(), allowed.sorted())
    }

    @Test
    fun `what only the OS may call is guarded`() {
        for (component in listOf("service", "receiver").flatMap { shared.all(it) }) {
            val open = component.getAttribute("android:exported") == "true"
            assertEquals(open, component.getAttribute("android:permission").isNotEmpty(), component.getAttribute("android:name"))
        }
    }
}
