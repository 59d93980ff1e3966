"""A core that panics or hangs, on the test kit's library."""

import asyncio
import unittest

import tandem_phone as t
from hostile import SECRET, host, phone_of
from tandem_phone.ffi import tandem_testkit as kit
from world import PATIENCE_S


class BrokenCore(unittest.IsolatedAsyncioTestCase):
    async def test_a_panic_ends_as_stopped_and_calls_go_to_the_carrier(self):
        phone = await phone_of(host())
        kit.break_core(phone.phone.core, kit.Break.PANIC_AT_HOST)
        phone.host.core.notify(t.HostEvent.WOKEN())
        stopped = await phone.until(lambda event: event.is_STOPPED(), "its end")
        self.assertEqual(stopped.fault, t.Fault.PANIC)
        self.assertEqual(stopped.text, "Calls and texts over data stopped. The carrier still works.")
        await asyncio.wait_for(phone._listening, PATIENCE_S)
        self.assertIs(phone.told[-1], stopped, "nothing comes after it")
        dialed = await phone.phone.dial(t.Target.NUMBER(SECRET), 0, t.Mode.DATA)
        self.assertTrue(dialed.is_CARRIER_DIALED())
        self.assertEqual(phone.host.dialed, [SECRET])
        with self.assertRaises(t.TandemError.Stopped):
            await phone.phone.register(0, None)
        with self.assertRaises(t.TandemError.Stopped):
            phone.host.core.notify(t.HostEvent.WOKEN())
        await phone.stop()

    async def test_a_call_that_meets_a_panic_or_a_hang_is_dialed_once(self):
        # A panic may take its time to be written down; only what is to hang is given little.
        cases = ((kit.Break.PANIC_AT_DIAL, t.Fault.PANIC, None), (kit.Break.HANG_AT_DIAL, t.Fault.HANG, 300))
        for how, fault, hang_after_ms in cases:
            phone = await phone_of(host(), hang_after_ms=hang_after_ms)
            kit.break_core(phone.phone.core, how)
            dialed = await phone.phone.dial(t.Target.NUMBER(SECRET), 0, t.Mode.DATA)
            self.assertTrue(dialed.is_CARRIER_DIALED())
            stopped = await phone.until(lambda event: event.is_STOPPED(), "its end")
            self.assertEqual(stopped.fault, fault)
            await phone.stop()
            self.assertEqual(phone.host.dialed, [SECRET])


if __name__ == "__main__":
    unittest.main()
