package org.tandem.dialer

import android.content.Context

/** A service of the OS. Every one that is used here is there on a phone, which the manifest demands (`android.hardware.telephony`). */
inline fun <reified T : Any> Context.service(): T =
    checkNotNull(getSystemService(T::class.java)) { "not a phone" }
