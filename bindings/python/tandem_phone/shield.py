"""Lets nothing out of a host's port but what the core understands.

The generated code lets a `BaseException` (`SystemExit`, a cancelled task) through as a success whose text is printed. That text may
hold a number.
"""

from .ffi import tandem
from .ffi.tandem import HostError, Ports


def shielded(ports):
    """The same ports, from which only a `HostError` comes; whatever else a host throws is `HostError.Failed`, unread."""
    return Ports(**{name: _shield(name, getattr(ports, name)) for name in vars(ports)})


def _shield(name, port):
    if port is None:
        return None
    trait = getattr(tandem, "".join(word.capitalize() for word in name.split("_")) + "Port")
    methods = [method for method in vars(trait) if not method.startswith("_")]
    return type(f"Shielded{trait.__name__}", (trait,), {method: _guarded(port, method) for method in methods})()


def _guarded(port, method):
    def call(_self, *arguments):
        # Each by the border's own class: a host's subclass may need arguments to be made, and what it holds stays behind.
        try:
            return getattr(port, method)(*arguments)
        except HostError.Unsupported:
            said = HostError.Unsupported
        except HostError.Locked:
            said = HostError.Locked
        except BaseException:
            said = HostError.Failed
        # Out here nothing of what was thrown hangs on it as its context.
        raise said()

    return call
