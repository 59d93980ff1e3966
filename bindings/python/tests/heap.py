"""What the C heap holds."""

import ctypes
import gc


class MallInfo(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = MallInfo


def bytes_in_use():
    """Bytes of the C heap that are in use, after a collection of Python's own."""
    gc.collect()
    info = mallinfo2()
    return info.uordblks + info.hblkhd
