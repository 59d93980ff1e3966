"""A phone's OS in Python: every port, and what a person sees and does."""

import asyncio
import os
import threading
import time

import tandem_phone as t
from sound_device import SoundDevice
from world import PATIENCE_S

PAGE = 2


class MockHost(
    t.SimPort,
    t.NetworkPort,
    t.ContactsPort,
    t.SmsPort,
    t.TelephonyPort,
    t.KeyStorePort,
    t.ClockPort,
    t.AudioPort,
    t.LogPort,
):
    """All ports in one object, which outlives the core as a phone outlives its processes."""

    def __init__(self, number):
        self.number = number
        self.contacts = []
        self.path = t.NetworkSnapshot(path=1, connected=True, wifi=True, hint_bps=None)
        self.secrets = {}
        self.dialed = []
        self.sent = []
        self.lines = []
        self.pages = []
        self.core = None
        self.device = None
        self.voice_hz = 600

    def slots(self):
        return [t.SimSlot(line=0, number=self.number, imsi="262011234567890", country="DE")]

    def snapshot(self):
        return self.path

    def request_page(self, ticket, cursor, limit):
        begin = int(cursor or 0)
        end = begin + min(PAGE, limit)
        self.pages.append((cursor, limit))
        following = str(end) if end < len(self.contacts) else None
        page = t.HostReply.CONTACTS_PAGE(self.contacts[begin:end], following)
        # From a thread of its own, as a content provider answers.
        threading.Thread(target=lambda: self.reply(ticket, page)).start()

    def reply(self, ticket, reply):
        # Ports are called before there is a core to answer; one that never comes needs no answer.
        for _ in range(1_000):
            if (core := self.core) is not None:
                return core.host_reply(ticket, reply)
            time.sleep(0.005)

    def send(self, ticket, line, to, body):
        self.sent.append((to, body))
        self.core.host_reply(ticket, t.HostReply.SMS_SENT(True))

    def dial(self, ticket, line, digits):
        self.dialed.append(digits)
        self.carrier_call = ticket
        self.core.host_reply(ticket, t.HostReply.CARRIER_DIALED(True))

    def carrier_call_ends(self):
        self.core.notify(t.HostEvent.CARRIER_CALL(self.carrier_call, t.CarrierCallState.ENDED))

    def get(self, name):
        return self.secrets.get(name)

    def put(self, name, secret):
        self.secrets[name] = secret

    def now(self):
        return t.ClockReading(
            mono_us=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000, wall_ms=time.time_ns() // 1_000_000
        )

    def begin(self, call):
        self.device = SoundDevice(self.core.audio_ready(call), self.voice_hz)

    def end(self, call):
        self.device.stop()

    def on_line(self, level, target, text):
        self.lines.append(text)

    def ports(self):
        return t.Ports(
            sim=self,
            network=self,
            contacts=self,
            sms=self,
            telephony=self,
            key_store=self,
            clock=self,
            audio=self,
            log=self,
        )


class MockPhone:
    """A running phone, and everything its app was told."""

    def __init__(self, world, host, name):
        self.world, self.host, self.name = world, host, name
        self.told = []
        self.phone = None
        self._changed = asyncio.Condition()
        self._listening = None

    async def start(self, **settings):
        config = t.CoreConfig(
            server=self.world.server,
            database=os.path.join(self.world.folder, f"{self.name}.sqlite"),
            gather_on=["127.0.0.1"],
            **settings,
        )
        self.phone = await t.Phone.start(config, self.host.ports())
        self.host.core = self.phone.core
        self.world.smsc.deliver_to(self.host.number, self._receive)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def stop(self):
        await self.phone.shutdown()
        await asyncio.wait_for(self._listening, PATIENCE_S)
        self.host.core = None

    def _receive(self, body):
        core = self.host.core
        if core is not None:
            core.notify(t.HostEvent.SMS_RECEIVED(0, "Tandem", body))

    async def _listen(self):
        async for event in self.phone.events():
            async with self._changed:
                self.told.append(event)
                self._changed.notify_all()

    async def until(self, wanted, what):
        """The first event told so far, or from now on, for which `wanted` is true."""

        def found():
            return next((event for event in self.told if wanted(event)), None)

        try:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: found() is not None), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"{self.name} was never told of {what}: {[str(e)[:60] for e in self.told]}") from None
        return found()

    async def registered(self):
        """Registers as a person does: sees the SIM, asks, waits for the SMS, confirms."""
        await self.until(lambda event: event.is_REGISTRATION(), "its SIM")
        await self.phone.register(0, None)
        return await self.confirmed()

    async def confirmed(self):
        """Waits for the SMS of a registration under way and confirms."""
        await self.until(in_state("AWAITING_USER_CONFIRM"), "the SMS")
        await self.phone.confirm_registration(0)
        await self.until(in_state("REGISTERED"), "its registration")
        return self

    async def marked(self, number, shown=t.MarkShown.MARKED):
        return await self.until(
            lambda e: e.is_MARKS() and any(m.number == number and m.shown == shown for m in e.changed), "a mark"
        )

    async def call_is(self, state, call=None):
        event = await self.until(
            lambda e: e.is_CALL() and (call is None or e.view.call == call) and is_state(e.view.state, state),
            f"a call that is {state}",
        )
        return event.view

    def forget(self):
        """What was told so far does not count any more."""
        self.told.clear()


def is_state(state, name):
    return getattr(state, f"is_{name}")()


def in_state(name):
    return lambda event: event.is_REGISTRATION() and is_state(event.view.state, name)
