"""A host that throws from every port, with a number in the text; prints which ports threw and never the number itself."""

import asyncio

import tandem_phone as t
from hostile import PORT_METHODS, SECRET, host, outcomes, phone_of
from mock_phone import MockHost, MockPhone, in_state
from world import PATIENCE_S, World

# What the numbers of the phones begin with.
PREFIX = "49151234567"


class Gone(Exception):
    def __str__(self):
        return f"could not reach {SECRET}"


class Unprintable(Exception):
    def __repr__(self):
        raise ValueError(SECRET)


class NotNow(t.HostError.Locked):
    """A port error of the app's own, which cannot be made without saying why."""

    def __init__(self, why):
        super().__init__()
        self.args = (why,)


KINDS = (
    Gone,
    Unprintable,
    lambda: ValueError(SECRET),
    lambda: SystemExit(SECRET),
    lambda: t.HostError(SECRET),
    lambda: NotNow(SECRET),
)


async def main():
    world = World()
    try:
        for at, kind in enumerate(KINDS):
            throwing = Throwing(kind)
            await from_the_start(throwing)
            await when_in_use(throwing, world, at)
            print("threw", *sorted(throwing.threw))
    finally:
        world.stop()
    print("every command came back")


class Throwing:
    """Has hosts throw from every port, and remembers which ports did."""

    def __init__(self, kind):
        self.kind, self.threw = kind, set()

    def spoil(self, a_host):
        for name in PORT_METHODS:
            setattr(a_host, name, lambda *arguments, name=name: self._throw(a_host, name, arguments))

    def _throw(self, a_host, name, arguments):
        self.threw.add(name)
        if name == "on_line":
            # A line is kept before its port throws, to be looked at.
            a_host.lines.append(str(arguments))
        raise self.kind()

    async def reached(self, name):
        for _ in range(PATIENCE_S * 100):
            if name in self.threw:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name} was never called: {sorted(self.threw)}")


async def from_the_start(throwing):
    """Nothing works on this phone, and the core runs on."""
    spoilt = host()
    throwing.spoil(spoilt)
    phone = await phone_of(spoilt)
    look_again(phone)
    await stopped_silent(phone, await outcomes(phone))


async def when_in_use(throwing, world, at):
    """A phone that is registered and marks another, until its host begins to throw."""
    anna, ben = (MockPhone(world, MockHost(f"+{PREFIX}{at}{n}"), f"phone-{at}-{n}") for n in (1, 2))
    for phone, peer in ((anna, ben), (ben, anna)):
        phone.host.contacts = [peer.host.number]
        await phone.start()
        await phone.registered()
    await anna.marked(ben.host.number)
    await ben.marked(anna.host.number)
    throwing.spoil(anna.host)
    call = (await anna.phone.dial(t.Target.NUMBER(ben.host.number), None, t.Mode.DATA)).call
    await ben.call_is("RINGING")
    await ben.phone.accept(call)
    await anna.call_is("ACTIVE", call)
    await throwing.reached("begin")
    await anna.phone.hang_up(call)
    await ben.call_is("ENDED", call)
    await throwing.reached("end")
    look_again(anna)
    came_to = await outcomes(anna)
    # Another number is another key to put away.
    await anna.until(in_state("UNREGISTERED"), "its end at the server")
    await anna.phone.register(0, SECRET)
    await throwing.reached("put")
    await stopped_silent(anna, came_to)
    await ben.stop()


def look_again(phone):
    for event in (t.HostEvent.SIMS_CHANGED(), t.HostEvent.NETWORK_CHANGED(), t.HostEvent.CONTACTS_CHANGED()):
        phone.host.core.notify(event)


async def stopped_silent(phone, came_to):
    await phone.stop()
    said = [*phone.host.lines, *map(str, came_to.values())]
    assert phone.host.lines, "nothing was logged"
    assert not any(SECRET.lstrip("+") in line or PREFIX in line for line in said), "a log line or an error holds a number"


asyncio.run(main())
