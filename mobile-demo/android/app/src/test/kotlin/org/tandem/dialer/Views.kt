package org.tandem.dialer

import org.tandem.ffi.ArrivedText
import org.tandem.ffi.Bearer
import org.tandem.ffi.CallState
import org.tandem.ffi.CallView
import org.tandem.ffi.TextId
import org.tandem.ffi.TextStatus
import org.tandem.ffi.ThreadEntry
import org.tandem.ffi.ThreadItem
import org.tandem.ffi.WrittenText

const val CALL = "00112233445566778899aabbccddeeff"
const val BOB = "+4915112345678"

/** A call with Bob. */
fun callView(
    state: CallState,
    outgoing: Boolean = true,
    held: Boolean = false,
    heldByPeer: Boolean = false,
    call: String = CALL,
) = CallView(
    call = call,
    line = 0U,
    peer = BOB,
    outgoing = outgoing,
    state = state,
    bearer = Bearer.DATA,
    held = held,
    heldByPeer = heldByPeer,
)

/** A text of mine to Bob. */
fun written(status: TextStatus, position: ULong = 2U) =
    ThreadItem(position, ThreadEntry.Written(WrittenText(TextId(1U, position), 0U, BOB, "hello", 20, status)))

/** A text that came; without a body it could not be opened. */
fun received(body: String?, gap: ULong = 0U, read: Boolean = false, position: ULong = 1U, sender: String = BOB) = ThreadItem(
    position,
    ThreadEntry.Received(ArrivedText(0U, sender, TextId(9U, position), body, gap, Bearer.DATA, 10), receivedAt = 11, read = read),
)
