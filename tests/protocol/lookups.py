"""A client of lookups by datagram in plain Python, from docs/protocol/lookups.md."""

import ipaddress
import struct

import aes_gcm

KINDS = ["public", "behind_nat", "relay_only"]
VERDICTS = ["told", "budget", "misshapen"]
HEADER, HEAD, SLOT, TAG = 20, 8, 56, 16


def header(way, session, counter):
    return b"TL\x01" + bytes([way]) + struct.pack(">QQ", session, counter)


def nonce(counter):
    return bytes(4) + struct.pack(">Q", counter)


def write_ask(key, session, counter, numbers):
    body = bytes([len(numbers)]) + bytes(HEAD - 1)
    for number in numbers:
        body += struct.pack(">Q", number) + bytes(SLOT - 8)
    clear = header(1, session, counter)
    return clear + aes_gcm.seal(key, nonce(counter), clear, body)


def read(key, way, session, datagram):
    """The counter and the opened part; `None` when it is not of this session, or not genuine."""
    clear = datagram[:HEADER]
    if len(datagram) < HEADER + HEAD + SLOT + TAG or clear[:12] != header(way, session, 0)[:12]:
        return None
    (counter,) = struct.unpack(">Q", clear[12:])
    body = aes_gcm.open_(key, nonce(counter), clear, datagram[HEADER:])
    return None if body is None else (counter, body)


def read_ask(key, session, datagram):
    opened = read(key, 1, session, datagram)
    if opened is None:
        return None
    counter, body = opened
    return counter, [struct.unpack(">Q", body[at : at + 8])[0] for at in range(HEAD, len(body), SLOT)]


def read_answer(key, session, datagram):
    opened = read(key, 2, session, datagram)
    if opened is None:
        return None
    counter, body = opened
    says = {"verdict": VERDICTS[body[0]]}
    if body[0] == 1:
        (says["wait_ms"],) = struct.unpack(">I", body[4:8])
    if body[0] == 0:
        says["told"] = [_slot(body[at : at + SLOT]) for at in range(HEAD, len(body), SLOT)]
    return counter, says


def write_answer(key, session, counter, count, says):
    verdict = VERDICTS.index(says["verdict"])
    body = bytes([verdict, count, 0, 0]) + struct.pack(">I", says.get("wait_ms", 0))
    for told in says.get("told", [None] * count):
        body += _slot_of(told)
    clear = header(2, session, counter)
    return clear + aes_gcm.seal(key, nonce(counter), clear, body)


def _slot(slot):
    which, kinds, v6_length, delegated_length, v4, generation, age = struct.unpack(">BBBB4sQQ", slot[:24])
    if which == 0:
        return None
    told = {"generation": generation, "age_ms": age}
    if which & 1:
        told["ipv4"] = {"address": str(ipaddress.IPv4Address(v4)), "kind": KINDS[kinds & 3]}
    for bit, name, at, length in ((2, "ipv6", 24, v6_length), (4, "delegated", 40, delegated_length)):
        if which & bit:
            first = ipaddress.IPv6Address(slot[at : at + 16])
            told[name] = {"address": f"{first}/{length}", "kind": KINDS[kinds >> bit & 3]}
    return told


def _slot_of(told):
    if told is None:
        return bytes(SLOT)
    which, kinds, v4, parts = 0, 0, bytes(4), {}
    if "ipv4" in told:
        which, kinds = 1, KINDS.index(told["ipv4"]["kind"])
        v4 = ipaddress.IPv4Address(told["ipv4"]["address"]).packed
    for bit, name in ((2, "ipv6"), (4, "delegated")):
        first, length = bytes(16), 0
        if name in told:
            which |= bit
            kinds |= KINDS.index(told[name]["kind"]) << bit
            network = ipaddress.IPv6Network(told[name]["address"])
            first, length = network.network_address.packed, network.prefixlen
        parts[name] = (first, length)
    (v6, v6_length), (delegated, delegated_length) = parts["ipv6"], parts["delegated"]
    numbers = (told["generation"], told["age_ms"])
    return struct.pack(">BBBB4sQQ", which, kinds, v6_length, delegated_length, v4, *numbers) + v6 + delegated
