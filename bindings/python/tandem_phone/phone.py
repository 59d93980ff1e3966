"""A running core: start, events, end."""

from .ffi.tandem import Core
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
        return cls(await Core.start(config, shielded(ports)))

    @property
    def core(self):
        """The core itself."""
        return self._core

    def __getattr__(self, name):
        return getattr(self._core, name)

    async def events(self):
        """Events until the core stops. Ending one iteration and beginning another neither loses nor repeats any."""
        while batch := await self._core.next_events(self._seen, BATCH):
            for numbered in batch:
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
