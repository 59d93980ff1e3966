package org.tandem.dialer.net

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.os.Handler
import android.telephony.TelephonyCallback
import android.telephony.TelephonyManager
import java.util.concurrent.Executor
import org.tandem.dialer.host.HostVoice
import org.tandem.dialer.service
import org.tandem.ffi.HostEvent
import org.tandem.ffi.NetworkPort
import org.tandem.ffi.NetworkSnapshot

/** The network the phone uses by default. */
class AndroidNetwork(
    context: Context,
    private val handler: Handler,
    private val executor: Executor,
    private val voice: HostVoice,
) : NetworkPort {
    private val connectivity = context.service<ConnectivityManager>()
    private val telephony = context.service<TelephonyManager>()
    private val path = NetworkPath()

    // Only the handler's thread touches these.
    private var facts: NetworkFacts? = null
    private var generation = 0

    override fun snapshot(): NetworkSnapshot = path.snapshot()

    private val callback = object : ConnectivityManager.NetworkCallback() {
        override fun onCapabilitiesChanged(network: Network, capabilities: NetworkCapabilities) =
            now(factsOf(network).copy(
                validated = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED),
                wifi = capabilities.hasTransport(NetworkCapabilities.TRANSPORT_WIFI) ||
                    capabilities.hasTransport(NetworkCapabilities.TRANSPORT_ETHERNET),
                downKbps = capabilities.linkDownstreamBandwidthKbps,
                upKbps = capabilities.linkUpstreamBandwidthKbps,
            ))

        override fun onLinkPropertiesChanged(network: Network, properties: LinkProperties) =
            now(factsOf(network).copy(addresses = properties.linkAddresses.map { it.toString() }.toSet()))

        override fun onLost(network: Network) {
            // Another default may have taken over already.
            if (facts?.network == network.networkHandle) now(null)
        }
    }

    /** A fall from 4G to 2G keeps network and address, and is another path all the same. */
    private val radio = object : TelephonyCallback(), TelephonyCallback.DataConnectionStateListener {
        override fun onDataConnectionStateChanged(state: Int, networkType: Int) {
            handler.post {
                generation = generationOf(networkType)
                facts?.let(::now)
            }
        }
    }

    fun begin() {
        connectivity.registerDefaultNetworkCallback(callback, handler)
        watchRadio()
    }

    /** Again is fine. */
    fun watchRadio() = try {
        telephony.registerTelephonyCallback(executor, radio)
    } catch (notAllowed: SecurityException) {
        // Then a change of radio shows only as the rate that is measured.
    }

    private fun factsOf(network: Network): NetworkFacts =
        facts?.takeIf { it.network == network.networkHandle }
            ?: NetworkFacts(network = network.networkHandle, validated = false, wifi = false)

    private fun now(changed: NetworkFacts?) {
        facts = changed?.copy(radio = if (changed.wifi) 0 else generation)
        if (path.changed(facts)) voice.tell(HostEvent.NetworkChanged)
    }

    private companion object {
        /** 2G to 5G: steps within a generation come and go by the minute and do not change what a call can do. */
        fun generationOf(networkType: Int): Int = when (networkType) {
            TelephonyManager.NETWORK_TYPE_GPRS, TelephonyManager.NETWORK_TYPE_EDGE, TelephonyManager.NETWORK_TYPE_GSM -> 2
            TelephonyManager.NETWORK_TYPE_UMTS, TelephonyManager.NETWORK_TYPE_HSDPA, TelephonyManager.NETWORK_TYPE_HSUPA,
            TelephonyManager.NETWORK_TYPE_HSPA, TelephonyManager.NETWORK_TYPE_HSPAP, TelephonyManager.NETWORK_TYPE_TD_SCDMA,
            -> 3
            TelephonyManager.NETWORK_TYPE_LTE, TelephonyManager.NETWORK_TYPE_IWLAN -> 4
            TelephonyManager.NETWORK_TYPE_NR -> 5
            else -> 0
        }
    }
}
