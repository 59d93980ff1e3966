"""Everything around the phones: the real server as a process, a real SMSC that hands its texts to them."""

import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

# How long anything is waited for before it counts as never coming. Nothing is measured by it.
PATIENCE_S = 60

CONFIG = """
[listen]
address = "127.0.0.1:{port}"
[store]
data_dir = "{folder}"
[sms]
driver = "smpp"
[smpp]
address = "127.0.0.1:{smsc}"
system_id = "tandem"
password = "pw"
[gate]
per_pair = "10000 per 24h"
[metrics]
listen = "off"
[log]
level = "error"
[turn]
listen = "127.0.0.1:0"
allowed_peers = ["127.0.0.0/8"]
"""


class Smsc:
    """npm's smpp as an SMSC: every text it takes goes to whoever answers for the number."""

    def __init__(self):
        folder = os.path.join(ROOT, "tests", "smsc-npm")
        if not shutil.which("node") or not os.path.isdir(os.path.join(folder, "node_modules")):
            raise RuntimeError("node or npm's smpp is missing: run tests/run install")
        self._process = subprocess.Popen(
            ["node", os.path.join(folder, "server.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._port = queue.Queue()
        self._phones = {}
        self.sent = []
        threading.Thread(target=self._read, daemon=True).start()
        self.port = self._port.get(timeout=PATIENCE_S)

    def deliver_to(self, number, receive):
        """`receive(body)` gets the texts to a number, from a thread of the SMSC."""
        self._phones[number.lstrip("+")] = receive

    def _read(self):
        for line in self._process.stdout:
            word = json.loads(line)
            if word["event"] == "listening":
                self._port.put(word["port"])
            elif word["event"] == "submit":
                self.sent.append((word["to"], word["text"]))
                receive = self._phones.get(word["to"].lstrip("+"))
                if receive:
                    receive(word["text"])

    def stop(self):
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)


class World:
    """A server and its SMSC, in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tandem-")
        self.smsc = Smsc()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = os.path.join(self.folder, "server.toml")
        data = os.path.join(self.folder, "server")
        os.makedirs(data)
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.port, folder=data, smsc=self.smsc.port))
        server = os.path.join(ROOT, "target", "release", "tandem-server")
        self._server = subprocess.Popen([server, "--config", config])
        self._wait_until_it_answers()

    @property
    def server(self):
        return f"ws://127.0.0.1:{self.port}"

    def _wait_until_it_answers(self):
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if self._server.poll() is not None:
                raise RuntimeError("the server ended")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server does not answer")

    def stop(self):
        self._server.terminate()
        self._server.wait(PATIENCE_S)
        self.smsc.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
