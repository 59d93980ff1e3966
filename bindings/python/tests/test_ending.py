"""A script that ends ends as it says, whatever its cores are at."""

import subprocess
import sys
import tempfile
import textwrap
import unittest

from world import PATIENCE_S

RUNS = 20

BEGINNING = """
import asyncio, atexit, os, sys, time
import tandem_phone as t

class Host(t.SimPort, t.LogPort, t.ClockPort):
    work_s = 0
    def slots(self): return [t.SimSlot(line=0, number="+4915123456701", country="DE")]
    def on_line(self, level, target, text): time.sleep(self.work_s)
    def now(self):
        time.sleep(self.work_s)
        return t.ClockReading(mono_us=time.monotonic_ns() // 1_000, wall_ms=time.time_ns() // 1_000_000)

async def by_core(ports):
    start = t.Start(config, ports)
    await start.ready()
    return start.core()

host = Host()
config = t.CoreConfig(server="ws://127.0.0.1:9", database=os.path.join(sys.argv[1], "db"))
"""

ORDERLY = """
async def main():
    async with await t.Phone.start(config, t.Ports(sim=host)) as phone:
        await phone.register(0, None)

asyncio.run(main())
"""

# The interpreter takes its time to finalise, and a port is always at work.
IN_THE_MIDDLE = """
class Slow:
    def __del__(self, sleep=time.sleep): sleep(0.3)

slow = Slow()

async def main():
    started = await {start}
    host.work_s = 0.02
    return started

core = asyncio.run(main())
"""
BY_PHONE = "t.Phone.start(config, t.Ports(sim=host, log=host, clock=host))"
BY_CORE = "by_core(t.Ports(sim=host, log=host, clock=host))"


def script(text):
    """How a script ended, and what it wrote."""
    # The folder outlives the script: what it tidied up at its end would give its threads the time to get out.
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        command = [sys.executable, "-c", BEGINNING + textwrap.dedent(text), folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


class Ending(unittest.TestCase):
    def test_an_orderly_script_ends_well_every_time(self):
        self.assertEqual([script(ORDERLY) for _ in range(RUNS)], [(0, "")] * RUNS)

    def test_a_script_may_end_while_a_port_of_a_running_core_is_at_work(self):
        for start in (BY_PHONE, BY_CORE):
            with self.subTest(start):
                self.assertEqual(script(IN_THE_MIDDLE.format(start=start)), (0, ""))

    def test_a_script_may_end_while_a_core_is_on_its_way_up(self):
        self.assertEqual(script("Host.slots = lambda _: time.sleep(0.02) or []\nstart = t.Start(config, t.Ports(sim=host, log=host))"), (0, ""))

    def test_what_a_script_says_of_itself_stays_said(self):
        self.assertEqual(script(ORDERLY + "sys.exit(7)")[0], 7)

    def test_without_the_wait_the_process_is_aborted(self):
        careless = "atexit.unregister(t.ending.leave_no_thread_behind)" + IN_THE_MIDDLE.format(start=BY_PHONE)
        self.assertLess(script(careless)[0], 0)

    def test_a_forked_child_has_no_core_to_end(self):
        forks = """
        def told():
            print(len(t.ending._alive), flush=True)
        told()
        if os.fork() == 0: told(); os._exit(0)
        os.wait()
        """
        self.assertEqual(script(IN_THE_MIDDLE.format(start=BY_CORE) + textwrap.dedent(forks)), (0, "1\n0\n"))


if __name__ == "__main__":
    unittest.main()
