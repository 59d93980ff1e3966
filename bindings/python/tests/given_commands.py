"""How long a person's commands take to be answered: two phones that are registered with the real server call, pick up and answer
what they are asked."""

import time

import tandem_phone as t
from mock_phone import MockHost, MockPhone
from world import World

ANNA, BEN, STRANGER = "+4915123456701", "+4915123456702", "+4915123456799"

# Before anything counts.
WARM_UP = 5


class PlainHost(MockHost):
    """A phone whose clock the core reads by itself, and which keeps no log: neither is what a command waits for."""

    def ports(self):
        ports = super().ports()
        ports.clock = ports.log = ports.audio = None
        return ports


async def given_commands(rounds):
    """p99 in milliseconds of `dial`, `accept` and `answer`, each given `rounds` times."""
    world = World()
    try:
        anna, ben = (MockPhone(world, PlainHost(number), name) for number, name in ((ANNA, "anna"), (BEN, "ben")))
        anna.host.contacts, ben.host.contacts = [BEN], [ANNA]
        for phone in (anna, ben):
            await phone.start(hang_after_ms=30_000)
            await phone.registered()
        await anna.marked(BEN)
        await ben.marked(ANNA)
        took = {"dial": [], "accept": [], "answer": []}
        for turn in range(WARM_UP + rounds):
            given = await one_round(anna, ben)
            if turn >= WARM_UP:
                for name, milliseconds in given.items():
                    took[name].append(milliseconds)
        for phone in (anna, ben):
            await phone.stop()
        return {f"{name}_p99_ms": p99(times) for name, times in took.items()}
    finally:
        world.stop()


async def one_round(anna, ben):
    """A call that is picked up and ended, and a question that is answered."""
    anna.forget()
    ben.forget()
    outcome, dial_ms = await timed(anna.phone.dial(t.Target.NUMBER(BEN), None, t.Mode.DATA))
    ringing = await ben.call_is("RINGING")
    _, accept_ms = await timed(ben.phone.accept(ringing.call))
    await anna.call_is("ACTIVE", outcome.call)
    await anna.phone.hang_up(outcome.call)
    for phone in (anna, ben):
        await phone.call_is("ENDED")
    asking = await anna.phone.send_text(t.Target.NUMBER(STRANGER), None, "are you there?", t.Mode.DATA)
    _, answer_ms = await timed(anna.phone.answer(asking.prompt, t.Choice.QUIT()))
    return {"dial": dial_ms, "accept": accept_ms, "answer": answer_ms}


async def timed(command):
    began = time.perf_counter_ns()
    outcome = await command
    return outcome, (time.perf_counter_ns() - began) / 1e6


def p99(values):
    """The smallest that at least 99 of 100 do not exceed."""
    return sorted(values)[(len(values) * 99 + 99) // 100 - 1]
