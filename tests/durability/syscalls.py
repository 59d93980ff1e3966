"""What strace wrote, as the bytes of sockets and the syncs of files, in the order in which they happened.

An instant is the number of a line of the trace. What came in counts from when the call returned, what went out from when
it was made, and a sync has both its begin and its end.
"""

import re
from collections import defaultdict

LINE = re.compile(r"(\d+)\s+(.*)")
CALL = re.compile(r"(\w+)\((.*)")
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
FD = re.compile(r"\d+<((?:->|<[^<>]*>|[^<>])*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
HEX = re.compile(r"\\x([0-9a-f]{2})")
RECEIVING, SENDING, SYNCING = ("recvfrom", "read"), ("sendto", "sendmsg", "writev", "write"), ("fsync", "fdatasync")


class Trace:
    def __init__(self):
        # socket as its holder sees it -> [(instant, bytes)]
        self.received, self.sent = defaultdict(list), defaultdict(list)
        # path -> [(begin, end)]
        self.syncs = defaultdict(list)

    @classmethod
    def read(cls, path):
        trace, open_calls = cls(), {}
        with open(path, encoding="ascii", errors="replace") as lines:
            for instant, line in enumerate(lines):
                found = LINE.match(line.rstrip("\n"))
                if found:
                    trace._line(instant, found[1], found[2], open_calls)
        return trace

    def _line(self, instant, thread, said, open_calls):
        resumed = RESUMED.match(said)
        if resumed:
            began, call, arguments = open_calls.pop(thread, (instant, resumed[1], ""))
            return self._call(began, instant, call, arguments + resumed[2])
        found = CALL.match(said)
        if not found:
            return None
        call, arguments = found.groups()
        if arguments.endswith("<unfinished ...>"):
            open_calls[thread] = (instant, call, arguments.removesuffix("<unfinished ...>"))
            return None
        return self._call(instant, instant, call, arguments)

    def _call(self, began, ended, call, said):
        holder = FD.match(said)
        result = re.search(r"= (-?\d+)[^\"]*$", said)
        if not holder or not result or int(result[1]) < 0:
            return
        name = HEX.sub(lambda byte: chr(int(byte[1], 16)), holder[1])
        if call in SYNCING:
            self.syncs[name].append((began, ended))
        elif name.startswith("TCP"):
            data = b"".join(bytes.fromhex(text.replace("\\x", "")) for text in TEXT.findall(said))[: int(result[1])]
            if data and call in RECEIVING:
                self.received[name].append((ended, data))
            elif data and call in SENDING:
                self.sent[name].append((began, data))
