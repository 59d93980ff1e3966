"""A sound device: speaks a tone into a call and keeps what it hears, 10 ms at a time, in a thread of its own."""

import array
import math
import threading
import time

from tandem_phone import CallSound
from tandem_phone.sound import SAMPLE_RATE_HZ

FRAME = SAMPLE_RATE_HZ // 100


class SoundDevice:
    def __init__(self, handle, voice_hz):
        self._sound = CallSound(handle)
        self._voice_hz = voice_hz
        self._heard = array.array("h")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        spoken = 0
        due = time.monotonic()
        while not self._stopped.is_set():
            self._sound.write(tone(self._voice_hz, spoken, FRAME))
            spoken += FRAME
            samples, real = self._sound.read(FRAME)
            if real:
                self._heard.extend(samples[:real])
            due += 0.01
            time.sleep(max(0.0, due - time.monotonic()))

    def heard(self, at_least_s):
        """The last seconds of what was heard, once there is so much of it."""
        give_up = time.monotonic() + 60
        while len(self._heard) < at_least_s * SAMPLE_RATE_HZ:
            assert time.monotonic() < give_up, f"only {len(self._heard)} samples were heard"
            time.sleep(0.05)
        return self._heard[-int(at_least_s * SAMPLE_RATE_HZ) :]

    def stop(self):
        self._stopped.set()
        self._thread.join()


def tone(hz, begin, count):
    step = 2 * math.pi * hz / SAMPLE_RATE_HZ
    return array.array("h", (int(8_000 * math.sin(step * (begin + n))) for n in range(count)))


def power(samples, hz):
    """How strong a tone is (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * hz / SAMPLE_RATE_HZ)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    return last * last + before * before - factor * last * before
