"""Hosts that call back from every port, throw, answer late, twice and never; and callers that do not wait."""

import asyncio
import gc
import itertools
import os
import subprocess
import sys
import threading
import unittest
import weakref

import tandem_phone as t
from heap import bytes_in_use
from hostile import (
    PORT_METHODS,
    SECRET,
    Nowhere,
    everything,
    exported_commands,
    host,
    meddling,
    outcomes,
    phone_of,
    started,
)
from mock_phone import MockHost, MockPhone
from world import PATIENCE_S, World

HERE = os.path.dirname(os.path.abspath(__file__))


class Reentry(unittest.IsolatedAsyncioTestCase):
    async def test_a_host_may_call_the_core_back_from_within_every_port(self):
        world = World()
        self.addCleanup(world.stop)
        reentered, came_back, readings = set(), set(), itertools.count()

        def reenter(a_host, name):
            core = a_host.core
            if core is None:
                # Keys are read before there is a core to call; a store that is locked is asked again.
                if name == "get":
                    raise t.HostError.Locked()
                return
            if name == "now":
                # Read at every step, from any thread: it waits for nothing, and one that always asks for another step never rests.
                if next(readings) >= 30:
                    return
            # Once a port: a host that answers every log line with another talks to itself for ever.
            elif name in reentered:
                return
            reentered.add(name)
            core.state()
            core.notify(t.HostEvent.WOKEN())
            core.host_reply(77, t.HostReply.SMS_SENT(False))
            if name != "now":
                asyncio.run(answered(core))
            came_back.add(name)

        anna, ben = (MockPhone(world, MockHost(f"+491512345670{n}"), f"phone-{n}") for n in (1, 2))
        ben.host.voice_hz = 1_500
        for phone, peer in ((anna, ben), (ben, anna)):
            phone.host.contacts = [peer.host.number]
            meddling(phone.host, lambda name, a_host=phone.host: reenter(a_host, name))
            await phone.start()
            await registered_patiently(phone)
        await anna.marked(ben.host.number)
        # What is asked before there is a core to call is asked again.
        for event in (t.HostEvent.SIMS_CHANGED(), t.HostEvent.NETWORK_CHANGED(), t.HostEvent.CONTACTS_CHANGED()):
            anna.host.core.notify(event)
        await anna.phone.send_text(t.Target.NUMBER(SECRET), None, "by SMS", t.Mode.CARRIER)
        await anna.phone.dial_carrier(0, "112")
        await ben.marked(anna.host.number)
        call = await anna.phone.dial(t.Target.NUMBER(ben.host.number), None, t.Mode.DATA)
        await ben.phone.accept((await ben.call_is("RINGING")).call)
        await anna.call_is("ACTIVE", call.call)
        await anna.phone.hang_up(call.call)
        await ben.call_is("ENDED")
        # The last port may be inside the core still.
        for _ in range(PATIENCE_S * 100):
            if came_back == set(PORT_METHODS):
                break
            await asyncio.sleep(0.01)
        self.assertEqual(reentered, set(PORT_METHODS))
        self.assertEqual(came_back, reentered, "every call into the core came back")
        for phone in (anna, ben):
            await phone.stop()


class Throwing(unittest.TestCase):
    def test_what_a_host_throws_reaches_no_log_and_no_output(self):
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "throwing_host.py")], capture_output=True, text=True, timeout=300
        )
        self.assertEqual(done.returncode, 0, done.stderr.replace(SECRET, "<the number>"))
        *threw, last = done.stdout.splitlines()
        self.assertEqual(last, "every command came back")
        self.assertEqual({frozenset(line.removeprefix("threw ").split()) for line in threw}, {frozenset(PORT_METHODS)})
        self.assertNotIn(SECRET.lstrip("+"), done.stdout + done.stderr)


class Answers(unittest.IsolatedAsyncioTestCase):
    async def test_answers_that_come_twice_late_or_to_nobodys_ticket_are_dropped(self):
        babbling = host()
        phone = await phone_of(babbling)
        for ticket in (0, 1, 2, 2**64 - 1):
            for reply in (
                t.HostReply.SMS_SENT(True),
                t.HostReply.CARRIER_DIALED(False),
                t.HostReply.CONTACTS_PAGE([SECRET], "again"),
                t.HostReply.NO_CONTACTS(t.HostError.Unsupported()),
            ):
                for _ in range(2):
                    babbling.core.host_reply(ticket, reply)
        self.assertTrue((await phone.phone.dial(t.Target.NUMBER("112"), None, t.Mode.DATA)).is_CARRIER_DIALED())
        await phone.stop()

    async def test_what_a_port_was_really_asked_may_be_answered_late_and_twice(self):
        late, asked = host(), []
        late.send = lambda ticket, *_: asked.append((ticket, t.HostReply.SMS_SENT))
        late.dial = lambda ticket, *_: asked.append((ticket, t.HostReply.CARRIER_DIALED))
        phone = await phone_of(late)
        text = await phone.phone.send_text(t.Target.NUMBER(SECRET), None, "by SMS", t.Mode.CARRIER)
        await phone.phone.dial(t.Target.NUMBER(SECRET), None, t.Mode.CARRIER)
        while len(asked) < 2:
            await asyncio.sleep(0.01)
        for ticket, reply in asked:
            for outcome in (True, False, True):
                late.core.host_reply(ticket, reply(outcome))
        await phone.until(lambda e: e.is_TEXT() and e.view.id == text.id and e.view.status.is_CARRIER_SMS(), "the SMS")
        # What came second changes nothing.
        written = (await phone.phone.thread(SECRET, None, 1))[0].text.text
        self.assertTrue(written.status.is_CARRIER_SMS())
        self.assertIsNone((await phone.phone.call_log(None, 1))[0].end, "the call is under way")
        await phone.stop()

    async def test_a_host_that_never_answers_holds_up_nothing(self):
        silent = host()
        silent.request_page = lambda *_: None
        silent.send = lambda *_: None
        silent.dial = lambda *_: silent.dialed.append("dialed")
        phone = await phone_of(silent)
        came_to = await outcomes(phone)
        self.assertEqual(set(came_to), exported_commands())
        self.assertEqual(silent.dialed, ["dialed", "dialed"])
        self.assertNotIn("NoAnswer", came_to.values())
        await phone.stop()

    async def test_after_the_end_everything_says_stopped_and_no_port_is_called(self):
        late = host()
        phone = await phone_of(late)
        core = late.core
        await phone.stop()
        calls = []
        meddling(late, calls.append)
        for call in (
            lambda: core.notify(t.HostEvent.SIMS_CHANGED()),
            lambda: core.notify(t.HostEvent.WOKEN()),
            lambda: core.notify(t.HostEvent.SMS_RECEIVED(0, SECRET, "late")),
        ):
            with self.assertRaises(t.TandemError.Stopped):
                call()
        # A port may be answering just then, and must not fail by it.
        core.host_reply(1, t.HostReply.CARRIER_DIALED(True))
        core.host_reply(1, t.HostReply.CONTACTS_PAGE([SECRET], None))
        came_to = await outcomes(phone)
        self.assertEqual({name for name, outcome in came_to.items() if outcome != "Stopped"}, set())
        self.assertFalse(await core.wait_for_events(2**63))
        self.assertEqual(core.next_events(2**63, 10), [])
        await core.shutdown(100)
        self.assertEqual(calls, [])

    async def test_a_host_is_freed_after_the_end_although_each_held_the_other(self):
        forgotten = host()
        phone = await phone_of(forgotten)
        gone = weakref.ref(forgotten)
        await phone.stop()
        forgotten.core = phone.phone.core
        forgotten.core.state()
        del forgotten, phone
        gc.collect()
        self.assertIsNone(gone())


class Cancellation(unittest.IsolatedAsyncioTestCase):
    async def test_every_await_may_be_given_up(self):
        phone = await phone_of(host())
        commands = await everything(phone)
        self.assertEqual(set(commands), exported_commands(), "none is left out")
        for name, command in commands.items():
            for turns in range(4):
                await given_up(command(), turns)
        for turns in range(4):
            await given_up(phone.phone.core.wait_for_events(2**63), turns)
        self.assertTrue((await phone.phone.dial(t.Target.NUMBER("112"), None, t.Mode.DATA)).is_CARRIER_DIALED())
        for turns in range(3):
            await given_up(phone.phone.core.shutdown(3_000), turns)
        await phone.stop()

    async def test_a_start_that_is_given_up_under_way_leaves_nothing_running(self):
        nowhere, keys = Nowhere(), HeldKeys()
        self.addCleanup(keys.let_go.set)
        config = t.CoreConfig(server=nowhere.server, database=os.path.join(nowhere.folder, "db"))
        starting = asyncio.ensure_future(t.Phone.start(config, t.Ports(key_store=keys)))
        self.assertTrue(await asyncio.to_thread(keys.asked.wait, PATIENCE_S), "it came to its keys")
        self.assertFalse(starting.done())
        starting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await starting
        self.assertIn("tandem-start", core_threads(), "it is under way")
        keys.let_go.set()
        await self.no_core_runs()

    async def test_a_start_that_is_given_up_at_any_turn_leaves_nothing_running(self):
        nowhere = Nowhere()
        config = t.CoreConfig(server=nowhere.server, database=os.path.join(nowhere.folder, "db"))
        for turns in range(4):
            # It is over, and who waits learns it in a turn of the loop: that turn is among these.
            start = t.Start(config, t.Ports())
            await start.ready()
            starting = asyncio.ensure_future(layer_around(start))
            await given_up(starting, turns)
            if not starting.cancelled():
                # The phone was there before anybody gave up.
                await starting.result().shutdown()
            del start, starting
            await self.no_core_runs()

    async def no_core_runs(self):
        for _ in range(PATIENCE_S * 100):
            gc.collect()
            if not (names := core_threads()):
                return
            await asyncio.sleep(0.01)
        self.fail(f"threads are left: {names}")

    async def test_waits_and_readings_that_are_given_up_just_as_they_are_ready_leave_nothing_behind(self):
        phone = await phone_of(host())
        for _ in range(64):
            await phone.phone.dial(t.Target.NUMBER("112"), None, t.Mode.CARRIER)
        while len(await phone.phone.call_log(None, 500)) < 64:
            await asyncio.sleep(0.01)
        await given_up_often(phone, 200)
        before = bytes_in_use()
        await given_up_often(phone, 2_000)
        # What one answer holds is over 6 KB: had each been lost, this were 12 MB or more.
        self.assertLess(bytes_in_use() - before, 1_000_000)
        await phone.stop()

    async def test_no_event_is_lost_when_waiting_for_events_is_given_up_over_and_over(self):
        phone = MockPhone(Nowhere(), host(), "phone")
        config = t.CoreConfig(
            server=phone.world.server, database=os.path.join(phone.world.folder, "db"), events_max=100_000
        )
        core = await started(config, phone.host.ports())
        phone.host.core = core
        told, seen, asked = [], 0, 0
        while asked < 300:
            asked += 1
            await core.dial(t.Target.NUMBER("112"), None, t.Mode.CARRIER)
            waiting = asyncio.ensure_future(core.wait_for_events(seen))
            for _ in range(asked % 4):
                await asyncio.sleep(0)
            if not waiting.done():
                waiting.cancel()
            try:
                await waiting
                for numbered in core.next_events(seen, 3):
                    told.append(numbered)
                    seen = numbered.number
            except asyncio.CancelledError:
                pass

        def entries():
            return {numbered.event.entry.id for numbered in told if numbered.event.is_LOG()}

        # An end that is asked for does not wait for what is not on disk yet.
        while len(entries()) < asked and await asyncio.wait_for(core.wait_for_events(seen), PATIENCE_S):
            told += core.next_events(seen, 64)
            seen = told[-1].number
        await core.shutdown(3_000)
        while await core.wait_for_events(seen):
            told += core.next_events(seen, 64)
            seen = told[-1].number
        self.assertEqual(len(entries()), asked, "every conversation was told of")
        numbers = [numbered.number for numbered in told]
        self.assertEqual(numbers, sorted(set(numbers)), "in order, none twice")

    async def test_two_consumers_and_an_iteration_begun_again_are_safe(self):
        nowhere, a_host = Nowhere(), host()
        config = t.CoreConfig(server=nowhere.server, database=os.path.join(nowhere.folder, "db"))
        phone = await t.Phone.start(config, a_host.ports())
        a_host.core = phone.core
        other = asyncio.create_task(phone.core.wait_for_events(0))
        await phone.dial(t.Target.NUMBER("112"), None, t.Mode.CARRIER)
        firsts = []
        for _ in range(2):
            async for event in phone.events():
                firsts.append(event)
                break
        self.assertTrue(firsts[0].is_REGISTRATION() and firsts[1].is_LOG(), firsts)
        await phone.shutdown()
        await asyncio.wait_for(other, PATIENCE_S)


class HeldKeys(t.KeyStorePort):
    """A key store that holds a start up until it is let go."""

    def __init__(self):
        self.asked, self.let_go = threading.Event(), threading.Event()

    def get(self, name):
        self.asked.set()
        self.let_go.wait(PATIENCE_S)

    def put(self, name, secret):
        pass


def core_threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="ascii") as comm:
                names.append(comm.read().strip())
        except FileNotFoundError:
            pass  # It ended meanwhile.
    return [name for name in names if name.startswith("tandem")]


async def answered(core):
    """A command that is answered, whichever way."""
    try:
        await core.sync_marks()
    except (t.TandemError.NotRegistered, t.TandemError.Offline):
        pass  # Before the registration, or while the connection does not stand.


async def registered_patiently(phone):
    """With a host whose key store is locked at first, and is asked again by a command that needs its keys."""
    for _ in range(PATIENCE_S * 100):
        try:
            await phone.phone.register(0, None)
            return await phone.confirmed()
        except (t.TandemError.NoSuchLine, t.TandemError.StoreFailed):
            await asyncio.sleep(0.01)
    raise AssertionError("it never came to its keys")


async def layer_around(start):
    """What a layer does once a start is made."""
    try:
        await start.ready()
        return t.Phone(start.core())
    finally:
        start.give_up()


async def given_up_often(phone, times):
    """Waits and readings, each given up at the turn of the loop in which its answer is ready."""
    for turn in range(times):
        await given_up(phone.phone.core.wait_for_events(0), 1 + turn % 2)
        await given_up(phone.phone.call_log(None, 64), turn % 4)
    # Readings that nobody waits for come to their end.
    await phone.phone.call_log(None, 1)


async def given_up(awaitable, turns):
    """Begins to wait, lets the loop turn so many times, and waits no longer."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except (asyncio.CancelledError, t.TandemError):
        pass


if __name__ == "__main__":
    unittest.main()
