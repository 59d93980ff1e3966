"""Two phones through the FFI, against the real server and a real SMSC."""

import asyncio
import time
import unittest

import tandem_phone as t
from mock_phone import MockHost, MockPhone, in_state
from sound_device import power
from world import PATIENCE_S, World

ANNA, BEN = "+4915123456701", "+4915123456702"
STRANGERS = ["0151 23456790", "mum", "+49 151 23456791"]


def number(digits):
    return t.Target.NUMBER(digits)


class TwoPhones(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.world = World()
        self.addCleanup(self.world.stop)
        self.anna = MockPhone(self.world, MockHost(ANNA), "anna")
        self.ben = MockPhone(self.world, MockHost(BEN), "ben")
        self.anna.host.contacts = [*STRANGERS, "0151 23456702"]
        self.ben.host.contacts = [*STRANGERS, ANNA]
        self.ben.host.voice_hz = 1_500

    async def asyncTearDown(self):
        for phone in (self.anna, self.ben):
            if phone.host.core is not None:
                await phone.stop()

    async def both_registered(self):
        for phone in (self.anna, self.ben):
            await phone.start()
            await phone.registered()
        await self.anna.marked(BEN)
        await self.ben.marked(ANNA)

    async def test_they_register_mark_each_other_text_and_unregister(self):
        await self.both_registered()
        self.assertEqual([cursor for cursor, _ in self.anna.host.pages][:2], [None, "2"], "the book came in pages")

        sent = await self.anna.phone.send_text(number(BEN), None, "hello Ben", t.Mode.DATA)
        self.assertTrue(sent.is_TEXT())
        arrived = (await self.ben.until(lambda e: e.is_TEXT_ARRIVED(), "a text")).text
        self.assertEqual((arrived.body, arrived.sender, arrived.id), ("hello Ben", ANNA, sent.id))
        await self.ben.phone.send_text(number(ANNA), None, "hello Anna", t.Mode.DATA)
        arrived = (await self.anna.until(lambda e: e.is_TEXT_ARRIVED(), "a text")).text
        self.assertEqual(arrived.body, "hello Anna")
        await self.anna.until(lambda e: delivered(e, sent.id), "the delivery")

        await self.ben.stop()
        waiting = await self.anna.phone.send_text(number(BEN), None, "are you there?", t.Mode.DATA)
        await self.anna.until(lambda e: stands(e, waiting.id, "STORED"), "the text at the server")
        self.ben.forget()
        await self.ben.start()
        arrived = (await self.ben.until(lambda e: e.is_TEXT_ARRIVED(), "the text that waited")).text
        self.assertEqual(arrived.body, "are you there?")
        await self.anna.until(lambda e: delivered(e, waiting.id), "the delivery")
        thread = await self.ben.phone.thread(ANNA, None, 10)
        bodies = [item.text.text.body for item in thread]
        self.assertEqual(bodies, ["are you there?", "hello Anna", "hello Ben"])

        heads = await self.ben.phone.conversations(None, 10)
        self.assertEqual([(head.peer, head.newest, head.unread) for head in heads], [(ANNA, thread[0], 2)])
        await self.ben.phone.mark_read(ANNA, [sent.id, waiting.id])
        self.assertEqual((await self.ben.phone.conversations(None, 10))[0].unread, 0)

        self.anna.forget()
        await self.ben.phone.unregister(0)
        await self.ben.until(in_state("UNREGISTERED"), "its end")
        await self.anna.marked(BEN, t.MarkShown.UNMARKED)
        self.assertEqual(self.anna.phone.state().marks, [])

    async def test_they_talk_and_each_hears_the_other_through_the_c_abi(self):
        await self.both_registered()
        began = await self.anna.phone.dial(number(BEN), None, t.Mode.DATA)
        self.assertTrue(began.is_CALL(), began)
        await self.anna.call_is("RINGING", began.call)
        ringing = await self.ben.call_is("RINGING")
        with self.assertRaises(t.TandemError.Stale):
            self.ben.phone.audio_ready("00" * 16)
        self.assertIsNone(self.ben.host.device, "no sound before the answer")
        await self.ben.phone.accept(ringing.call)
        await self.anna.call_is("ACTIVE", began.call)
        await self.ben.call_is("ACTIVE")

        for phone, theirs, own in ((self.anna, 1_500, 600), (self.ben, 600, 1_500)):
            heard = await asyncio.to_thread(self.heard, phone)
            self.assertGreater(power(heard, theirs), 100 * power(heard, own), phone.name)

        await self.ben.phone.hang_up(ringing.call)
        over = await self.anna.call_is("ENDED", began.call)
        self.assertEqual(over.state.end, t.CallEnd.PEER_HUNG_UP)
        self.assertEqual(t.call_end_text(over.state.end), "They hung up.")
        entry = (await self.anna.until(lambda e: e.is_LOG() and e.entry.end is not None, "the log entry")).entry
        self.assertEqual((entry.peer.number, entry.legs[0].bearer), (BEN, t.Bearer.DATA))
        self.assertEqual((await self.anna.phone.call_log(None, 10))[0].id, entry.id)

    async def test_a_core_that_is_shut_down_in_a_call_hangs_up_and_remembers_it(self):
        await self.both_registered()
        began = await self.anna.phone.dial(number(BEN), None, t.Mode.DATA)
        ringing = await self.ben.call_is("RINGING")
        await self.ben.phone.accept(ringing.call)
        await self.anna.call_is("ACTIVE", began.call)
        await self.ben.call_is("ACTIVE")

        await self.anna.stop()
        over = await self.ben.call_is("ENDED")
        self.assertEqual(over.state.end, t.CallEnd.PEER_HUNG_UP, "told, and not found out from silence")
        self.anna.forget()
        await self.anna.start()
        entry = (await self.anna.phone.call_log(None, 1))[0]
        self.assertEqual((entry.peer.number, entry.end), (BEN, t.CallEnd.HUNG_UP))

    @staticmethod
    def heard(phone):
        for _ in range(PATIENCE_S * 100):
            if phone.host.device is not None:
                break
            time.sleep(0.01)
        return phone.host.device.heard(1.0)

    async def test_a_prompt_is_answered_with_the_carrier_and_another_with_quit(self):
        await self.both_registered()
        host, phone = self.anna.host, self.anna.phone
        host.path = t.NetworkSnapshot(path=1, connected=True, wifi=False, hint_bps=9_000)
        host.core.notify(t.HostEvent.NETWORK_CHANGED())
        for choice, dialed in ((t.Choice.CARRIER(), ["0151 23456702"]), (t.Choice.QUIT(), ["0151 23456702"])):
            self.anna.forget()
            await phone.dial(number("0151 23456702"), 0, t.Mode.DATA)
            prompt = (await self.anna.until(lambda e: e.is_PROMPT(), "a question")).prompt
            self.assertEqual((prompt.about.why, prompt.about.side), (t.WhyNotData.OWN_TOO_SLOW, t.Side.OWN))
            self.assertIn("Call through the carrier?", prompt.text)
            with self.assertRaises(t.TandemError.NoSuchChoice):
                await phone.answer(prompt.id, t.Choice.NUMBER(ANNA))
            with self.assertRaises(t.TandemError.BadNumber):
                await phone.answer(prompt.id, t.Choice.NUMBER("nobody"))
            await phone.answer(prompt.id, choice)
            await self.anna.until(lambda e: e.is_PROMPT_GONE() and e.id == prompt.id, "the end of the question")
            with self.assertRaises(t.TandemError.Stale):
                await phone.answer(prompt.id, choice)
            await self.anna.until(lambda e: e.is_LOG(), "what came of it")
            self.assertEqual(host.dialed, dialed)
            host.carrier_call_ends()


def stands(event, text, name):
    return event.is_TEXT() and event.view.id == text and getattr(event.view.status, f"is_{name}")()


def delivered(event, text):
    return stands(event, text, "ENDED") and event.view.status.state == t.TerminalState.DELIVERED


if __name__ == "__main__":
    unittest.main()
