"""The frames of a session out of the bytes of its socket: HTTP's head, then WebSocket messages (RFC 6455 section 5.2)."""

import struct
from bisect import bisect_left

from wire import Malformed

BINARY = 2


def messages(chunks, schema, message):
    """Each binary message: the instant of its last byte, and the frame.

    An acknowledgement cannot be read before its last byte left, and nothing is known before its last byte came.
    """
    data = b"".join(part for _, part in chunks)
    ends, total = [], 0
    for _, part in chunks:
        total += len(part)
        ends.append(total)
    place = data.find(b"\r\n\r\n") + 4
    while 4 <= place < len(data):
        frame = read(data, place)
        if frame is None:
            return
        kind, payload, place = frame
        instant = chunks[bisect_left(ends, place)][0]
        if kind == BINARY:
            try:
                yield instant, schema.decode(message, payload)
            except Malformed:
                return


def read(data, place):
    """One WebSocket frame: its kind, its payload unmasked, where the next begins; nothing when it is cut."""
    if place + 2 > len(data):
        return None
    kind, length, masked = data[place] & 15, data[place + 1] & 127, data[place + 1] >> 7
    place += 2
    size = {126: 2, 127: 8}.get(length, 0)
    if size:
        if place + size > len(data):
            return None
        length = int.from_bytes(data[place : place + size], "big")
        place += size
    mask = data[place : place + 4] if masked else bytes(4)
    place += 4 * masked
    if place + length > len(data) or len(mask) < 4:
        return None
    payload = data[place : place + length]
    if masked:
        key = struct.unpack(">I", mask)[0]
        padded = payload + bytes(-length % 4)
        words = struct.unpack(f">{len(padded) // 4}I", padded)
        payload = struct.pack(f">{len(words)}I", *(word ^ key for word in words))[:length]
    return kind, payload, place + length
