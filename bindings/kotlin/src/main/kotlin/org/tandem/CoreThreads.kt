package org.tandem

import com.sun.jna.Callback
import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import com.sun.jna.Structure
import org.tandem.ffi.uniffiCallbackInterfaceAudioPort
import org.tandem.ffi.uniffiCallbackInterfaceClockPort
import org.tandem.ffi.uniffiCallbackInterfaceContactsPort
import org.tandem.ffi.uniffiCallbackInterfaceKeyStorePort
import org.tandem.ffi.uniffiCallbackInterfaceLogPort
import org.tandem.ffi.uniffiCallbackInterfaceNetworkPort
import org.tandem.ffi.uniffiCallbackInterfaceSimPort
import org.tandem.ffi.uniffiCallbackInterfaceSmsPort
import org.tandem.ffi.uniffiCallbackInterfaceTelephonyPort
import org.tandem.ffi.uniffiRustFutureContinuationCallbackImpl

/**
 * Has the core's threads stay attached to the virtual machine, as daemons, until they end.
 *
 * Left to itself JNA attaches a thread for each callback and detaches it after it, also when the callback came in the middle of
 * another: a port that waits for a command is enough. Android's runtime aborts the process for that; others complain on standard
 * error. JNA looks when it makes the native side of a callback, so this is done before the generated library is first used.
 */
internal fun keepCoreThreadsAttached() {
    val stay = CallbackThreadInitializer(true, false, "tandem")
    val tables = listOf<Structure>(
        uniffiCallbackInterfaceAudioPort.vtable,
        uniffiCallbackInterfaceClockPort.vtable,
        uniffiCallbackInterfaceContactsPort.vtable,
        uniffiCallbackInterfaceKeyStorePort.vtable,
        uniffiCallbackInterfaceLogPort.vtable,
        uniffiCallbackInterfaceNetworkPort.vtable,
        uniffiCallbackInterfaceSimPort.vtable,
        uniffiCallbackInterfaceSmsPort.vtable,
        uniffiCallbackInterfaceTelephonyPort.vtable,
    )
    val ports = tables.flatMap { table -> table.javaClass.fields.map { it.get(table) }.filterIsInstance<Callback>() }
    for (callback in ports + uniffiRustFutureContinuationCallbackImpl) {
        Native.setCallbackThreadInitializer(callback, stay)
    }
}
