"""The sound of a call, through the C ABI of `tandem_audio.h`."""

import array
import ctypes

from .ffi import tandem

SAMPLE_RATE_HZ = 48_000

_lib = tandem._UniffiLib
_lib.tandem_audio_read.argtypes = (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
_lib.tandem_audio_read.restype = ctypes.c_size_t
_lib.tandem_audio_write.argtypes = (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
_lib.tandem_audio_write.restype = ctypes.c_size_t


class CallSound:
    """Reads and writes 48 kHz mono samples of one call. `handle` is what `audio_ready` gave; a dead one is safe."""

    def __init__(self, handle):
        self._handle = handle

    def read(self, count):
        """The next `count` samples to play, and how many of them are the call's; the rest is silence."""
        samples = array.array("h", bytes(2 * count))
        return samples, _lib.tandem_audio_read(self._handle, samples.buffer_info()[0], count)

    def write(self, samples):
        """Hands over captured samples (`array('h')`); how many were taken."""
        if samples.typecode != "h":
            raise TypeError("samples are of 16 bit: array('h')")
        return _lib.tandem_audio_write(self._handle, samples.buffer_info()[0], len(samples))
