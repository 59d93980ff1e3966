"""A small client of wire v1 that shares no code with Tandem: frames in, frames out. Whoever has a socket can run it."""

import json

import keys
from wire import Schema


class Client:
    """One registration. `seed` is the Ed25519 seed of its device key, `number` its digits as an integer."""

    def __init__(self, seed, number, epoch):
        self.seed, self.number, self.epoch, self.schema, self.tickets = seed, number, epoch, Schema.load(), 0

    def frame(self, kind, **fields):
        return self.schema.encode("ClientFrame", {kind: fields})

    def read(self, data):
        """Kind and fields of a server frame; (None, {}) for a kind of a later version, which is skipped."""
        frame = self.schema.decode("ServerFrame", data)
        return next(iter(frame.items()), (None, {}))

    def ticket(self):
        self.tickets += 1
        return self.tickets

    def _sign(self, domain, *parts):
        return keys.sign(self.seed, keys.canonical(domain, parts)).hex()

    def hello(self, challenge, marks_since=0, fresh=False):
        """Answers the challenge that opens a session."""
        if not challenge["version_min"] <= 1 <= challenge["version_max"]:
            raise ValueError("no common version")
        signature = self._sign(
            "tandem/1/session", bytes.fromhex(challenge["nonce"]), u64(self.number), u64(self.epoch)
        )
        return self.frame(
            "hello",
            version=1,
            number=self.number,
            epoch=self.epoch,
            signature=signature,
            **given(marks_since=marks_since, fresh=fresh),
        )

    def register_start(self):
        public = keys.device_key(self.seed)
        start = {
            "number": self.number,
            "device_key": public.hex(),
            "signature": self._sign("tandem/1/register-start", u64(self.number), public),
            "dialer": {},
        }
        return self.schema.encode("RegisterRequest", {"start": start})

    def register_confirm(self, attempt, token, sealing_private):
        public = keys.public_of(sealing_private)
        sealing_key = {
            "id": 1,
            "public": public.hex(),
            "signature": self._sign("tandem/1/sealing-key", (1).to_bytes(4, "big"), public),
        }
        confirm = {
            "id": attempt.hex(),
            "token": token.hex(),
            "sealing_key": sealing_key,
            "signature": self._sign("tandem/1/register-confirm", attempt, b"token", token, b""),
        }
        return self.schema.encode("RegisterRequest", {"confirm": confirm})

    def send_text(self, to, to_epoch, sealing_key, device_epoch, counter, seq, words, ephemeral):
        """Seals words to the recipient's sealing key (a dict as in a mark) and hands them over."""
        context = keys.canonical(
            "tandem/1/text", [u64(self.number), u64(to), u64(device_epoch), u64(counter), u64(seq)]
        )
        recipient = bytes.fromhex(sealing_key["public"])
        sealed = keys.seal(recipient, sealing_key["id"], context, text_plain(words), ephemeral)
        return self.frame(
            "send_text",
            ticket=self.ticket(),
            id={"device_epoch": device_epoch, "counter": counter},
            to=to,
            to_epoch=to_epoch,
            seq=seq,
            sealed=sealed.hex(),
        )

    def open_text(self, deliver, sealing_private):
        """The words of a delivered text, or None when they do not open."""
        text_id = deliver["id"]
        parts = [deliver["from"], self.number, text_id["device_epoch"], text_id["counter"], deliver["seq"]]
        context = keys.canonical("tandem/1/text", [u64(part) for part in parts])
        plain = keys.unseal(sealing_private, context, bytes.fromhex(deliver["sealed"]))
        return None if plain is None else text_words(plain)

    def offer(self, call, to, sdp, fingerprint, tie_breaker):
        """`fingerprint` is "sha-256 AB:CD:.." in upper case, as the SDP has it."""
        roap = {"messageType": "OFFER", "offererSessionId": "1", "seq": 1, "sdp": sdp, "tieBreaker": tie_breaker}
        signature = self._sign("tandem/1/fingerprint", call, u64(self.number), u64(to), fingerprint.encode())
        body = {"object": json.dumps(roap), "fingerprint_signature": signature}
        return self.frame("call", call=call.hex(), **{"from": self.number}, to=to, roap=body)


def u64(value):
    return value.to_bytes(8, "big")


def given(**fields):
    """Fields that are neither zero nor empty: proto3 leaves the others out."""
    return {name: value for name, value in fields.items() if value}


def text_plain(words):
    """Layout 1: one byte, the length, the words, zeros."""
    data = b"\1" + len(words.encode()).to_bytes(4, "big") + words.encode()
    size = 256
    while size < len(data) and size < 4096:
        size *= 2
    if len(data) > 4096:
        size = -(-len(data) // 4096) * 4096
    return data + bytes(size - len(data))


def text_words(plain):
    if plain[:1] != b"\1":
        return None
    length = int.from_bytes(plain[1:5], "big")
    return plain[5 : 5 + length].decode() if len(plain) >= 5 + length else None
