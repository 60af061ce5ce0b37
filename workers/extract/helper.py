"""The process in which pages are read: pages in, articles out, over one socket, until the other side hangs up.

Started by `workers/extract/contained.py` as a program of its own: no environment, no open file but the socket, little
memory, no way to write a file or start a program. A page that brings it down brings nothing else down.

A frame is its length (four bytes, big-endian) and that many bytes. First comes an empty frame: ready. Then each
request, a pickle that our own parent made, gets one answer, a JSON object. Nothing that this process made is ever
unpickled: it has touched hostile bytes.
"""

import gc
import itertools
import json
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

#: Length of a frame's length.
HEAD = 4
#: Address space (bytes): 1 GB. The libraries alone take 60 MB of it, a page of 10 MB of text some 300 MB.
MEMORY = 1_000_000_000
#: What the kernel refuses us. A core file would hold pages, and a reader of pages needs no file and no child.
LIMITS = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NPROC: 0,
}
#: Pages between two collections of rubbish: what goes in cycles, a small part of what a page leaves behind.
TIDY_EVERY = 50
#: prctl(2): the signal that we get when our parent dies, however busy we are.
_PR_SET_PDEATHSIG = 1

Read = Callable[[Any], dict[str, Any]]


def main(parent: int, path: list[str]) -> None:
    """Serve the parent on standard input. `path`: where its modules are, since the environment says nothing."""
    sys.path[:] = path
    _die_with(parent)
    _confine()
    answer = _reader()
    gc.collect()
    gc.freeze()  # the libraries stay: nothing in them is ever looked at for rubbish
    gc.disable()  # rubbish is picked up between pages: in the middle of them it costs a twentieth of the time
    os.dup2(1, 2)  # nowhere: from here on bytes are hostile, and so is what a library says about them
    with socket.socket(fileno=0) as wire:
        serve(wire, answer)


def serve(wire: socket.socket, answer: Read) -> None:
    """Answer requests one by one until the other side hangs up."""
    stream = wire.makefile("rb")
    _send(wire, b"")
    for number in itertools.count(1):
        head = stream.read(HEAD)
        if len(head) < HEAD:
            return
        request = pickle.loads(stream.read(int.from_bytes(head)))  # noqa: S301  (from our parent, who made it)
        _send(wire, json.dumps(answer(request), default=_written).encode())
        if number % TIDY_EVERY == 0:
            gc.collect()


def _reader() -> Read:
    """Return what answers a request; its imports are most of a start."""
    from workers.domain.charset import decode
    from workers.domain.outcomes import Failed, QuarantineReason
    from workers.extract.ladder import ALL, CHEAP
    from workers.extract.language import detect
    from workers.extract.page import try_rules
    from workers.extract.stage import extract

    def answer(request: Any) -> dict[str, Any]:
        try:
            if len(request) == 2:  # an operator tries rules
                rules, page = request
                return {"tried": try_rules(decode(page.body, page.charset), rules)}
            entry, page, cheap = request
            return told(extract(entry, page, detect=detect, rungs=CHEAP if cheap else ALL))
        except MemoryError:
            return {"exploded": "out of memory"}
        except RecursionError:
            return {"exploded": "nested too deep"}
        except Exception:  # noqa: BLE001  (an ending like any other: the entry keeps it)
            return told(Failed(QuarantineReason.BUG, traceback.format_exc()))

    return answer


def told(outcome: Any) -> dict[str, Any]:
    """Return an outcome by its kind: what it brings, or itself."""
    return {type(outcome).__name__.lower(): getattr(outcome, "value", outcome)}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):  # `asdict` would copy all that is in it
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)


def _send(wire: socket.socket, payload: bytes) -> None:
    wire.sendall(len(payload).to_bytes(HEAD) + payload)


def _die_with(parent: int) -> None:
    """End when the parent does. Hanging up is not enough: a page that never ends never looks at the socket."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could say so
        sys.exit()


def _confine() -> None:
    for limit, most in LIMITS.items():
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
