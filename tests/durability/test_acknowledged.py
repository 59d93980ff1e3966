#!/usr/bin/env python3
"""The judge of acknowledgements finds those that left too early: traces written by hand."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "protocol")]

from acknowledged import judge
from syscalls import Trace
from wire import Schema

SCHEMA = Schema.load()
SOCKET = "5<TCP:[127.0.0.1:1->127.0.0.1:2]>"
LOG = "fdatasync(7</tmp/out/server/server.db-wal>"
TEXT = {"device_epoch": 3, "counter": 4}


def hexed(data):
    return '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def binary(payload, mask=b""):
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if mask else payload
    return bytes([0x82, len(payload) | (0x80 if mask else 0)]) + mask + masked


def came():
    frame = SCHEMA.encode("ClientFrame", {"send_text": {"id": TEXT, "seq": 1, "sealed": "00"}})
    data = b"GET /v1/session HTTP/1.1\r\n\r\n" + binary(frame, b"\x01\x02\x03\x04")
    return f"8 recvfrom({SOCKET}, {hexed(data)}, 4096, 0, NULL, NULL) = {len(data)}"


def left():
    data = b"HTTP/1.1 101\r\n\r\n" + binary(SCHEMA.encode("ServerFrame", {"text_stored": {"id": TEXT}}))
    return f"8 sendto({SOCKET}, {hexed(data)}, {len(data)}, MSG_NOSIGNAL, NULL, 0) = {len(data)}"


SYNC, BEGINS, ENDS = f"9 {LOG}) = 0", f"9 {LOG} <unfinished ...>", "9 <... fdatasync resumed>) = 0"


class Acknowledgements(unittest.TestCase):
    def early(self, *lines):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace")
            Path(path).write_text("\n".join(lines), encoding="ascii")
            (verdict,) = judge(Trace.read(path), SCHEMA)
        self.assertEqual((verdict.role, verdict.acknowledgements), ("server", 1))
        return verdict.early

    def test_a_sync_in_between_is_good(self):
        self.assertEqual(self.early(came(), SYNC, left()), 0)
        self.assertEqual(self.early(came(), BEGINS, ENDS, left()), 0)

    def test_no_sync_is_early(self):
        self.assertEqual(self.early(came(), left()), 1)
        self.assertEqual(self.early(came(), left(), SYNC), 1)

    def test_a_sync_from_before_the_text_is_none(self):
        self.assertEqual(self.early(SYNC, came(), left()), 1)
        self.assertEqual(self.early(BEGINS, came(), ENDS, left()), 1)

    def test_a_sync_that_has_not_ended_is_none(self):
        self.assertEqual(self.early(came(), BEGINS, left(), ENDS), 1)

    def test_a_sync_of_another_file_is_none(self):
        self.assertEqual(self.early(came(), SYNC.replace("server.db-wal", "other.db-wal"), left()), 1)


if __name__ == "__main__":
    unittest.main()
