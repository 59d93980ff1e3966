"""Tandem's core for testers: a phone in Python.

`Phone` is a running core with idiomatic edges: an async context manager whose `events()` is an async generator. Everything
else (`CoreConfig`, the ports, events, errors) is what UniFFI makes of `bindings/ffi`, under its own name.

    class Host(SimPort, TelephonyPort): ...
    async with await Phone.start(CoreConfig(server=.., database=..), Ports(sim=host, telephony=host)) as phone:
        await phone.register(0, None)
        async for event in phone.events(): ...
"""

from . import ending  # noqa: F401  what is imported here is in force from now on
from .ffi.tandem import *  # noqa: F403  the generated module says what it exports
from .phone import Phone
from .sound import CallSound

__all__ = [name for name in dir() if not name.startswith("_")]
