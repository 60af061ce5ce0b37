"""A reader of the change log as any customer would write it: a cursor in a file, at least once.

`python -m workers.operate.chaos.consumer URL FOLDER` appends `seq event_id entry_id type` for each change to
FOLDER/events and then moves FOLDER/cursor on, until it is killed. Killed in between, it reads some changes again.
"""

import json
import os
import sys
from http.client import HTTPException
from pathlib import Path
from time import sleep  # noqa: TID251  (a process of its own, which waits for news)
from urllib.request import urlopen

PAUSE_S = 0.2


def read_on(url: str, folder: Path) -> int:
    """Read one page of changes from the cursor on and keep it; return how many there were.

    Raises OSError or HTTPException when the API does not answer.
    """
    events, cursor = folder / "events", folder / "cursor"
    after = int(cursor.read_text()) if cursor.exists() else 0
    with urlopen(f"{url}/v1/changes?after={after}&limit=100", timeout=10) as answer:  # noqa: S310  (our own API)
        found = json.load(answer)
    lines = [f"{one['seq']} {one['id']} {one['subject']} {one['type'].rsplit('.', 1)[1]}\n" for one in found["changes"]]
    with events.open("a", encoding="ascii") as file:
        file.write("".join(lines))
    fresh = folder / "cursor.new"
    fresh.write_text(str(found["next_after"]))
    fresh.rename(cursor)
    return len(lines)


def kept(folder: Path) -> list[tuple[int, str, str, str]]:
    """Return what a consumer has kept: seq, event id, entry id and type, in the order of reading."""
    events = folder / "events"
    lines = events.read_text(encoding="ascii").splitlines() if events.exists() else []
    return [(int(seq), event, entry, kind) for seq, event, entry, kind in (line.split() for line in lines)]


def mend(folder: Path) -> None:
    """Cut off the line that a kill left half written."""
    events = folder / "events"
    if events.exists():
        with events.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def main(url: str, folder: Path) -> None:
    """Read until killed, or until whoever started us is gone."""
    mend(folder)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            count = read_on(url, folder)
        except (OSError, HTTPException):
            count = 0  # the API is away, or was killed in the middle of an answer
        if not count:
            sleep(PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
