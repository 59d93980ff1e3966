"""Which frame acknowledges which, and whether a sync stood between them."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from frames import messages

# What came in, what may go out only once that is kept, and the texts each of them names.
SERVER = {
    "send_text": ("text_stored", lambda frame: [text(frame["id"])], lambda frame: [text(frame["id"])]),
    "text_taken": ("text_state", lambda frame: [text(ref["id"]) for ref in frame["texts"]], lambda frame: [text(frame["id"])]),
}
PHONE = {
    "deliver_text": (
        "text_taken",
        lambda frame: [text(frame["id"])],
        lambda frame: [text(ref["id"]) for ref in frame["texts"]],
    ),
    "text_state": (
        "text_state_taken",
        lambda frame: [text(frame["id"])],
        lambda frame: [text(one) for one in frame["ids"]],
    ),
}


# The kill loop's world.
PHONES = {4915112345601: "alice", 4915112345602: "bob"}
FILES = {"server": "server.db", "alice": "phone.sqlite", "bob": "phone.sqlite"}


def named(frames, kinds):
    """The frames of some kinds: when, which, and the texts they name."""
    for instant, frame in frames:
        for kind, names in kinds.items():
            if kind in frame:
                yield instant, kind, names(frame[kind])


def text(identity):
    return identity.get("device_epoch", 0), identity.get("counter", 0)


@dataclass
class Verdict:
    role: str
    acknowledgements: int = 0
    syncs: int = 0
    early: int = 0
    batches: set = field(default_factory=set)

    def __str__(self):
        return (
            f"{self.role}: {self.acknowledgements} acknowledgements in {len(self.batches)} batches, {self.syncs} syncs, "
            f"{self.early} acknowledged before a sync"
        )


def judge(trace, schema):
    """A verdict for the server and for each phone, all their lives and connections together."""
    roles = {}
    for name in sorted(set(trace.received) | set(trace.sent)):
        ends = ends_of(trace, name)
        if ends is None:
            continue
        role, incoming, outgoing = ends
        came = list(messages(trace.received[name], schema, incoming))
        left = list(messages(trace.sent[name], schema, outgoing))
        if role != "server":
            role = next((PHONES.get(frame["hello"]["number"]) for _, frame in left if "hello" in frame), None)
        if role:
            both = roles.setdefault(role, ([], []))
            both[0].extend(came)
            both[1].extend(left)
    return [verdict(role, came, left, trace) for role, (came, left) in sorted(roles.items())]


def verdict(role, came, left, trace):
    """Every acknowledgement must have left after a sync that began once the first copy of what it names had come."""
    rules = SERVER if role == "server" else PHONE
    syncs = sorted(sync for path, syncs in trace.syncs.items() if path.endswith(f"/{role}/{FILES[role]}-wal") for sync in syncs)
    begins, ends = [begin for begin, _ in syncs], sorted(end for _, end in syncs)
    first = {}
    for instant, kind, names in named(came, {kind: names for kind, (_, names, _) in rules.items()}):
        for name in names:
            first[kind, name] = min(instant, first.get((kind, name), instant))
    outcome = Verdict(role, syncs=len(syncs))
    answers = {answer: kind for kind, (answer, _, _) in rules.items()}
    for instant, answer, names in named(left, {answer: names for answer, _, names in rules.values()}):
        for name in names:
            arrived = first.get((answers[answer], name))
            if arrived is None:
                continue
            outcome.acknowledgements += 1
            # What leaves between the same two syncs is one batch.
            outcome.batches.add(bisect_right(ends, instant))
            place = bisect_right(begins, arrived)
            outcome.early += place == len(syncs) or syncs[place][1] > instant
    return outcome


def ends_of(trace, name):
    """Whose end of a session a socket is; nothing for any other socket."""
    asks = re.compile(rb"GET \S*session")
    if asks.match(b"".join(data for _, data in trace.received[name][:4])):
        return "server", "ClientFrame", "ServerFrame"
    if asks.match(b"".join(data for _, data in trace.sent[name][:4])):
        return "phone", "ServerFrame", "ClientFrame"
    return None
