"""A running core: start, events, end."""

import asyncio

from .ffi.tandem import Start
from .shield import shielded

# Events asked for at once.
BATCH = 64

# What an end may take, in milliseconds.
DEADLINE_MS = 3_000


class Phone:
    """A core with idiomatic edges. Every command of `Core` is a method here too."""

    def __init__(self, core):
        self._core = core
        self._seen = 0

    @classmethod
    async def start(cls, config, ports):
        """Starts a core. What a port throws that is no `HostError` counts as `HostError.Failed`, unread."""
        start = Start(config, shielded(ports))
        try:
            await start.ready()
            return cls(start.core())
        finally:
            # Whoever waits no longer leaves nothing running; to a core that was taken this does nothing.
            start.give_up()

    @property
    def core(self):
        """The core itself."""
        return self._core

    def __getattr__(self, name):
        return getattr(self._core, name)

    async def conversations(self, before, limit):
        """`Core.conversations`."""
        return await _whole(self._core.conversations(before, limit))

    async def thread(self, peer, before, limit):
        """`Core.thread`."""
        return await _whole(self._core.thread(peer, before, limit))

    async def open_texts(self):
        """`Core.open_texts`."""
        return await _whole(self._core.open_texts())

    async def call_log(self, before, limit):
        """`Core.call_log`."""
        return await _whole(self._core.call_log(before, limit))

    async def events(self):
        """Events until the core stops. Ending one iteration and beginning another neither loses nor repeats any."""
        while await self._core.wait_for_events(self._seen):
            for numbered in self._core.next_events(self._seen, BATCH):
                # Before it is handed over: whoever gets it and stops there has seen it.
                self._seen = numbered.number
                yield numbered.event

    async def shutdown(self, deadline_ms=DEADLINE_MS):
        """Ends the core; `events()` ends after what was told before."""
        await self._core.shutdown(deadline_ms)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_raised):
        await self.shutdown()


async def _whole(reading):
    """A page that is read to its end, also when nobody waits for it any more: the generated code loses what is ready just as it is
    cancelled, with all it holds."""
    task = asyncio.ensure_future(reading)
    # What nobody waits for need not be complained of either.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(task)
