"""What comes out of a port, whatever its adapter throws: the border's own error, and nothing of the adapter's."""

import unittest

import tandem_phone as t
from hostile import PORT_METHODS, SECRET, host
from tandem_phone.shield import shielded


class NoSuchSim(t.HostError.Unsupported):
    def __init__(self, number, reason):
        super().__init__()
        self.args = (number, reason)


class NotUnlocked(t.HostError.Locked):
    def __init__(self, *, number):
        super().__init__()
        self.args = (number,)


class Broken(t.HostError.Failed):
    def __init__(self, number):
        super().__init__()
        self.args = (number,)


THROWN = {
    NoSuchSim(SECRET, "no such SIM"): t.HostError.Unsupported,
    NotUnlocked(number=SECRET): t.HostError.Locked,
    Broken(SECRET): t.HostError.Failed,
    t.HostError.Unsupported(): t.HostError.Unsupported,
    t.HostError.Locked(): t.HostError.Locked,
    t.HostError(SECRET): t.HostError.Failed,
    ValueError(SECRET): t.HostError.Failed,
    SystemExit(SECRET): t.HostError.Failed,
}


def port_with(ports, method):
    """The port of a host's that has a method."""
    return next(port for port in vars(ports).values() if hasattr(port, method))


def what_comes_out(method, thrown):
    """What the border gets from a port whose adapter throws."""
    throwing = host()

    def throw(*_arguments):
        raise thrown

    setattr(throwing, method, throw)
    try:
        getattr(port_with(shielded(throwing.ports()), method), method)()
    except BaseException as came:
        return came
    raise AssertionError(f"{method} swallowed what was thrown")


class Shield(unittest.TestCase):
    def test_an_error_of_the_adapters_own_comes_out_as_the_borders_whatever_it_takes_to_make_one(self):
        for method in PORT_METHODS:
            for thrown, wanted in THROWN.items():
                with self.subTest(method=method, thrown=type(thrown).__name__):
                    self.assertIs(type(what_comes_out(method, thrown)), wanted)

    def test_nothing_of_what_was_thrown_hangs_on_what_comes_out(self):
        for thrown in THROWN:
            came = what_comes_out("slots", thrown)
            with self.subTest(thrown=type(thrown).__name__):
                self.assertNotIn(SECRET, f"{came} {came!r} {came.args}")
                self.assertEqual((came.__context__, came.__cause__), (None, None))

    def test_what_a_port_answers_comes_through(self):
        self.assertEqual(shielded(host().ports()).sim.slots(), host().slots())


if __name__ == "__main__":
    unittest.main()
