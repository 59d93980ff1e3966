#!/usr/bin/env python3
"""The committed bytes of wire v1, read and written by a client that shares no code with Tandem.

`python3 tests/protocol/test_vectors.py`; needs nothing but Python 3.9.
"""

import hashlib
import hmac
import json
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import aes_gcm
import keys
import lookups
import sms
from client import Client
from wire import Malformed, Schema

DOCS = Path(__file__).resolve().parents[2] / "docs/protocol"
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
WIRE = json.loads((VECTORS / "wire_v1.json").read_text(encoding="utf-8"))
CRYPTO = json.loads((VECTORS / "crypto_v1.json").read_text(encoding="utf-8"))
LOOKUP = json.loads((VECTORS / "lookup_v1.json").read_text(encoding="utf-8"))


class Messages(unittest.TestCase):
    def setUp(self):
        self.schema = Schema.load()

    def test_every_vector_reads_as_it_says(self):
        for vector in WIRE["vectors"]:
            with self.subTest(vector["name"]):
                says = self.schema.decode(vector["message"], bytes.fromhex(vector["hex"]))
                self.assertEqual(says, vector["says"])

    def test_what_a_vector_says_is_written_as_its_bytes(self):
        for vector in WIRE["vectors"]:
            with self.subTest(vector["name"]):
                self.assertEqual(self.schema.encode(vector["message"], vector["says"]).hex(), vector["hex"])

    def test_there_is_a_vector_for_every_kind(self):
        for root in ("ClientFrame", "ServerFrame", "RegisterRequest", "RegisterReply"):
            kinds = {field.name for field in self.schema.messages[root]}
            seen = {kind for vector in WIRE["vectors"] if vector["message"] == root for kind in vector["says"]}
            self.assertEqual(seen, kinds, root)

    def test_a_cut_vector_is_malformed(self):
        for vector in WIRE["vectors"]:
            data = bytes.fromhex(vector["hex"])
            for end in range(1, len(data)):
                with self.subTest(vector["name"], end=end), self.assertRaises(Malformed):
                    self.schema.decode(vector["message"], data[:end])

    def test_an_unknown_field_is_skipped(self):
        for vector in WIRE["vectors"]:
            data = bytes.fromhex(vector["hex"]) + bytes.fromhex("fa0703010203")
            self.assertEqual(self.schema.decode(vector["message"], data), vector["says"])


class Documents(unittest.TestCase):
    """The pages name what the schema has, so that neither grows without the other."""

    def setUp(self):
        self.schema = Schema.load()
        self.pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))

    def test_every_field_of_every_message_is_described(self):
        for message, fields in self.schema.messages.items():
            for field in fields:
                with self.subTest(f"{message}.{field.name}"):
                    self.assertIn(f"`{field.name}`", self.pages)

    def test_every_domain_that_is_signed_is_described(self):
        for vector in CRYPTO["signatures"]:
            self.assertIn(f"`{vector['domain']}`", self.pages)

    def test_every_value_of_every_enum_is_described(self):
        for name, values in self.schema.enums.items():
            prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() + "_"
            for label in values:
                words = label.removeprefix(prefix).replace("_", " ").lower()
                if words != "unspecified":
                    with self.subTest(label):
                        self.assertIn(words, self.pages.lower().replace("*", ""))


class Signatures(unittest.TestCase):
    def parts(self, vector):
        for part in vector["parts"]:
            ((kind, value),) = part.items()
            if kind == "hex":
                yield bytes.fromhex(value)
            elif kind == "text":
                yield value.encode()
            else:
                yield value.to_bytes(int(kind[1:]) // 8, "big")

    def test_the_canonical_bytes_are_what_is_signed(self):
        public = bytes.fromhex(CRYPTO["device_key"])
        for vector in CRYPTO["signatures"]:
            with self.subTest(vector["domain"]):
                message = keys.canonical(vector["domain"], list(self.parts(vector)))
                self.assertEqual(message.hex(), vector["message"])
                signature = bytes.fromhex(vector["signature"])
                self.assertTrue(keys.verify(public, message, signature))
                self.assertFalse(keys.verify(public, message + b"\0", signature))

    def test_signing_here_gives_the_vector_of_rfc_8032(self):
        seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        self.assertEqual(
            keys.device_key(seed).hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        )
        self.assertEqual(
            keys.sign(seed, b"").hex(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b",
        )

    def test_the_token_of_an_imsi_is_a_keyed_hash_of_its_digits(self):
        imsi = CRYPTO["imsi"]
        token = hmac.new(bytes.fromhex(imsi["key"]), imsi["imsi"].encode(), hashlib.sha256)
        self.assertEqual(token.hexdigest(), imsi["token"])


class Tokens(unittest.TestCase):
    def test_tokens_are_hashes_of_pseudonyms(self):
        matching = CRYPTO["matching"]
        pseudonyms = sorted(bytes.fromhex(one["pseudonym"]) for one in matching["pseudonyms"])
        pair = bytearray(hashlib.sha256(keys.canonical("tandem/1/pair", pseudonyms)).digest()[:16])
        pair[15] &= 0xFE
        self.assertEqual(pair.hex(), matching["pair"])
        for one in matching["pseudonyms"]:
            token = bytearray(hashlib.sha256(keys.canonical("tandem/1/open", [bytes.fromhex(one["pseudonym"])])).digest()[:16])
            token[15] |= 1
            self.assertEqual(token.hex(), one["open"])


class Sealing(unittest.TestCase):
    def setUp(self):
        sealing = CRYPTO["sealing"]
        self.private, self.public = bytes.fromhex(sealing["private"]), bytes.fromhex(sealing["public"])
        self.context, self.bodies = bytes.fromhex(sealing["context"]), sealing["bodies"]

    def test_every_sealed_body_opens(self):
        self.assertEqual(keys.public_of(self.private), self.public)
        for body in self.bodies:
            sealed = bytes.fromhex(body["sealed"])
            self.assertEqual(sealed[:5].hex(), "0100000003")
            self.assertEqual(keys.unseal(self.private, self.context, sealed), bytes.fromhex(body["plain"]))
            self.assertEqual(len(sealed), 53 + len(keys.padded(bytes.fromhex(body["plain"]))))

    def test_nothing_opens_in_another_context_or_when_bent(self):
        sealed = bytes.fromhex(self.bodies[1]["sealed"])
        self.assertIsNone(keys.unseal(self.private, b"other", sealed))
        for place in range(0, len(sealed), 9):
            bent = bytearray(sealed)
            bent[place] ^= 1
            self.assertIsNone(keys.unseal(self.private, self.context, bytes(bent)))

    def test_what_is_sealed_here_opens_here(self):
        sealed = keys.seal(self.public, 3, b"c", b"dear", bytes(range(32)))
        self.assertEqual(keys.unseal(self.private, b"c", sealed), b"dear")


class Sms(unittest.TestCase):
    TEXT = "Tandem code 12345678. t:77777777777777777777777774"

    def test_each_platforms_text_reads_the_same(self):
        for end in ("", "\nFA+9qCX9VSu", "\n@tandem.example.com #12345678"):
            self.assertEqual(sms.parse(self.TEXT + end), (b"\xff" * 16, "12345678"))

    def test_what_is_not_whole_is_not_found(self):
        for text in ("", self.TEXT[:-1], self.TEXT + "A", self.TEXT[:-1] + "5", self.TEXT.replace("8.", ".")):
            self.assertIsNone(sms.parse(text), text)


class Lookups(unittest.TestCase):
    """Lookups by datagram: asks and answers, byte by byte."""

    SESSION = int(LOOKUP["session"], 16)
    ASK_KEY, ANSWER_KEY = bytes.fromhex(LOOKUP["ask_key"]), bytes.fromhex(LOOKUP["answer_key"])

    def test_the_cipher_gives_test_case_4_of_its_specification(self):
        key, nonce = bytes.fromhex("feffe9928665731c6d6a8f9467308308"), bytes.fromhex("cafebabefacedbaddecaf888")
        clear = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        data = bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        )
        sealed = aes_gcm.seal(key, nonce, clear, data)
        self.assertEqual(sealed[-16:].hex(), "5bc94fbc3221a5db94fae95ae7121a47")
        self.assertEqual(aes_gcm.open_(key, nonce, clear, sealed), data)

    def test_every_ask_is_written_and_read_as_it_says(self):
        for vector in LOOKUP["vectors"]:
            with self.subTest(vector["name"]):
                asked = (vector["counter"], vector["numbers"])
                self.assertEqual(lookups.write_ask(self.ASK_KEY, self.SESSION, *asked).hex(), vector["ask"])
                self.assertEqual(lookups.read_ask(self.ASK_KEY, self.SESSION, bytes.fromhex(vector["ask"])), asked)

    def test_every_answer_is_written_and_read_as_it_says_and_is_as_long_as_its_ask(self):
        for vector in LOOKUP["vectors"]:
            with self.subTest(vector["name"]):
                data, counter, says = bytes.fromhex(vector["answer"]), vector["counter"], vector["says"]
                self.assertEqual(lookups.read_answer(self.ANSWER_KEY, self.SESSION, data), (counter, says))
                count = len(vector["numbers"])
                written = lookups.write_answer(self.ANSWER_KEY, self.SESSION, counter, count, says)
                self.assertEqual(written.hex(), vector["answer"])
                self.assertEqual(len(vector["answer"]), len(vector["ask"]))

    def test_what_was_bent_or_goes_the_other_way_is_nobodys(self):
        vector = LOOKUP["vectors"][0]
        data = bytearray.fromhex(vector["answer"])
        self.assertIsNone(lookups.read_answer(self.ASK_KEY, self.SESSION, bytes(data)))
        self.assertIsNone(lookups.read_answer(self.ANSWER_KEY, self.SESSION, bytes.fromhex(vector["ask"])))
        for at in range(len(data)):
            bent = bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1 :])
            self.assertIsNone(lookups.read_answer(self.ANSWER_KEY, self.SESSION, bent), at)


class Clients(unittest.TestCase):
    """The client answers a challenge and carries a text to another one, with frames as the server would pass them on."""

    def setUp(self):
        self.alice, self.bob = Client(b"a" * 32, 4915123456789, 1), Client(b"b" * 32, 15551230001, 1)
        self.schema = self.alice.schema

    def test_a_challenge_is_answered_with_a_signature_over_it(self):
        challenge = next(v for v in WIRE["vectors"] if v["name"] == "server_challenge")
        kind, fields = self.alice.read(bytes.fromhex(challenge["hex"]))
        self.assertEqual(kind, "challenge")
        hello = self.schema.decode("ClientFrame", self.alice.hello(fields))["hello"]
        parts = [bytes.fromhex(fields["nonce"]), hello["number"].to_bytes(8, "big"), hello["epoch"].to_bytes(8, "big")]
        message = keys.canonical("tandem/1/session", parts)
        self.assertTrue(keys.verify(keys.device_key(b"a" * 32), message, bytes.fromhex(hello["signature"])))

    def test_a_text_reaches_the_other_client_and_nobody_in_another_place(self):
        private = bytes(range(1, 33))
        mark = {"id": 1, "public": keys.public_of(private).hex()}
        data = self.alice.send_text(self.bob.number, 1, mark, 77, 1, 1, "grüezi", b"e" * 32)
        send = self.schema.decode("ClientFrame", data)["send_text"]
        deliver = {"from": self.alice.number, "from_epoch": 1, "id": send["id"], "seq": 1, "sealed": send["sealed"]}
        deliver["stored_at_ms"] = 1
        kind, fields = self.bob.read(self.schema.encode("ServerFrame", {"deliver_text": deliver}))
        self.assertEqual((kind, self.bob.open_text(fields, private)), ("deliver_text", "grüezi"))
        self.assertIsNone(self.bob.open_text({**fields, "seq": 2}, private))

    def test_a_kind_of_a_later_version_is_skipped(self):
        self.assertEqual(self.alice.read(bytes.fromhex("e20300")), (None, {}))


if __name__ == "__main__":
    unittest.main()
