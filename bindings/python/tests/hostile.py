"""Hosts that misbehave in every port, and a phone around one that needs no server."""

import asyncio
import os
import tempfile

import tandem_phone as t
from mock_phone import MockHost, MockPhone

NUMBER = "+4915123456701"
SECRET = "+4915198765432"

PORT_METHODS = (
    "slots",
    "snapshot",
    "request_page",
    "send",
    "dial",
    "get",
    "put",
    "now",
    "begin",
    "end",
    "on_line",
)


class Nowhere:
    """A world without a server: its address is closed."""

    class smsc:
        @staticmethod
        def deliver_to(_number, _receive):
            pass

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tandem-")
        self.folder = self._folder.name
        self.server = "ws://127.0.0.1:9"


def meddling(host, meddle):
    """Has `meddle(name)` run at the beginning of every port method of a host."""
    for name in PORT_METHODS:
        method = getattr(host, name)

        def call(*arguments, name=name, method=method):
            meddle(name)
            return method(*arguments)

        setattr(host, name, call)
    return host


async def phone_of(host, **settings):
    return await MockPhone(Nowhere(), host, "phone").start(**settings)


async def everything(phone):
    """Every command there is, one after the other; what each came to, by its name."""
    core, number, text = phone.phone, t.Target.NUMBER(SECRET), t.TextId(device_epoch=1, counter=1)
    call = "00" * 16
    commands = {
        "register": lambda: core.register(0, None),
        "confirm_registration": lambda: core.confirm_registration(0),
        "enter_code": lambda: core.enter_code(0, "12345678"),
        "resend_sms": lambda: core.resend_sms(0),
        "cancel_registration": lambda: core.cancel_registration(0),
        "unregister": lambda: core.unregister(0),
        "sync_marks": lambda: core.sync_marks(),
        "block": lambda: core.block(SECRET),
        "unblock": lambda: core.unblock(SECRET),
        "set_open_mark": lambda: core.set_open_mark(0, True),
        "set_consent": lambda: core.set_consent(SECRET, True, None),
        "send_file": lambda: core.send_file(SECRET, "/nowhere", "name", None),
        "send_datagram": lambda: core.send_datagram(SECRET, 1, b"words", None),
        "dial": lambda: core.dial(number, None, t.Mode.CARRIER),
        "dial_carrier": lambda: core.dial_carrier(None, "112"),
        "accept": lambda: core.accept(call),
        "refuse": lambda: core.refuse(call),
        "hang_up": lambda: core.hang_up(call),
        "hold": lambda: core.hold(call, True),
        "send_text": lambda: core.send_text(number, None, "hello", t.Mode.CARRIER),
        "text_to_sms": lambda: core.text_to_sms(text),
        "cancel_text": lambda: core.cancel_text(text),
        "mark_read": lambda: core.mark_read(SECRET, [text]),
        "answer": lambda: core.answer(1, t.Choice.QUIT()),
        "set_settings": lambda: core.set_settings(t.UserSettings(standing_choice=t.StandingChoice.ASK, read_receipts=True)),
        "thread": lambda: core.thread(SECRET, None, 10),
        "conversations": lambda: core.conversations(None, 10),
        "open_texts": lambda: core.open_texts(),
        "call_log": lambda: core.call_log(None, 10),
    }
    return commands


async def outcomes(phone):
    """Runs every command; an error the core gives is an outcome too."""
    came_to = {}
    for name, command in (await everything(phone)).items():
        try:
            came_to[name] = await asyncio.wait_for(command(), 60)
        except t.TandemError as error:
            came_to[name] = type(error).__name__
    return came_to


def exported_commands():
    """The names of every async method of the core, as the generated module has them."""
    return {
        name
        for name, method in vars(t.Core).items()
        if asyncio.iscoroutinefunction(method) and name not in ("wait_for_events", "shutdown")
    }


async def started(config, ports):
    """A core, by no layer's help."""
    start = t.Start(config, ports)
    await start.ready()
    return start.core()


def host():
    return MockHost(NUMBER)


def files_in(folder):
    return [os.path.join(folder, name) for name in os.listdir(folder)]
