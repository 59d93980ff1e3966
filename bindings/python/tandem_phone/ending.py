"""The end of the interpreter.

A core's thread that is inside a port while the interpreter finalises is ended there by Python, through Rust's frames, and that aborts
the process. So cores are ended first, and their threads waited for.
"""

import asyncio
import atexit
import os
import time
import weakref

from .ffi.tandem import Core, Start, TandemError

# How long the exit waits for cores and threads that do not end.
PATIENCE_S = 3

# What it waits where threads cannot be seen.
UNSEEN_S = 0.3

_alive = weakref.WeakSet()
_starting = weakref.WeakSet()


def _remember_every_core():
    """However it was started: each comes through here."""
    make = Core._uniffi_make_instance.__func__

    def made(cls, handle):
        core = make(cls, handle)
        _alive.add(core)
        return core

    Core._uniffi_make_instance = classmethod(made)
    begin = Start.__init__

    def begun(start, *arguments, **named):
        begin(start, *arguments, **named)
        _starting.add(start)

    Start.__init__ = begun


def leave_no_thread_behind():
    """Ends the cores that are alive and waits until no thread of theirs is left, nor any of one that has ended just before."""
    give_up = time.monotonic() + PATIENCE_S
    if _starting or _alive:
        asyncio.run(_end())
    if not os.path.isdir("/proc/self/task"):
        time.sleep(UNSEEN_S)
        return
    # Asleep it does not hold what a thread needs to get out of its port.
    while _threads() and time.monotonic() < give_up:
        time.sleep(0.005)


async def _end():
    """Cores on their way up are waited for and ended with the others; to one that has ended already it does nothing."""
    starts = list(_starting)
    await _all(start.ready() for start in starts)
    risen = []
    for start in starts:
        try:
            risen.append(start.core())  # Remembered like every other.
        except TandemError:
            start.give_up()
    await _all(core.shutdown(PATIENCE_S * 1_000) for core in list(_alive))


async def _all(waits):
    if waits := [asyncio.ensure_future(wait) for wait in waits]:
        await asyncio.wait(waits, timeout=PATIENCE_S)


def _threads():
    """Names of the cores' threads that there are."""
    names = {task: _name(task) for task in os.listdir("/proc/self/task")}
    # A script may be named like that too.
    ours = names.get(str(os.getpid()))
    return [name for name in names.values() if name.startswith("tandem") and name != ours]


def _name(task):
    try:
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().strip()
    except OSError:
        return ""  # It ended meanwhile.


_remember_every_core()
# A child of a fork has none of these threads, and nothing of them to end.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: (_alive.clear(), _starting.clear()))
atexit.register(leave_no_thread_behind)
