"""While a version is rolled out, old and new programs send each other messages: each that was ever sent is understood.

Celery rejects a name that it does not know, and a call that does not fit; the sweeper gives the hint again, but late.
So names and arguments are only ever added. A new argument has a default, and is used by senders one version later.
"""

import inspect

import pytest

import workers.tasks  # noqa: F401  (registers the tasks)
from workers.app import app

#: Task and arguments of every message that any version sends, in the order of their places. Lines are only ever added:
#: a task that gets an argument gets a further line.
SENT = """
canary queue
classify_entries ids
extract_entries ids
fetch_entries ids
heartbeat
poll_sources ids
relay_changes
sweep
upkeep
"""
LINES = [line.split() for line in SENT.split("\n") if line]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_message_that_was_ever_sent_is_understood(line: list[str]) -> None:
    name, *arguments = line
    assert name in app.tasks, "an older program may still send it: let it do what its successor does"
    signature = inspect.signature(app.tasks[name].run)
    assert list(signature.parameters)[: len(arguments)] == arguments, "places and names of arguments stay"
    signature.bind(*arguments)  # raises TypeError when an added argument has no default
    signature.bind(**dict.fromkeys(arguments))


@pytest.mark.parametrize("name", sorted(name for name in app.tasks if not name.startswith("celery.")))
def test_every_message_is_in_the_list(name: str) -> None:
    assert [name, *inspect.signature(app.tasks[name].run).parameters] in LINES, "add it to SENT"
