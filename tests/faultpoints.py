"""For fault tests: `python -m tests.faultpoints` runs the path in processes that die at a named place.

It reads orders from standard input, one JSON object a line: {"database": ...} runs the path on that database to its
end, with "place", "deed" and "token" with that fault in it; each in a forked child, so that nothing is loaded twice. It
answers with a line: how the child ended. The places are functions of the product that are wrapped here; the product
knows nothing of it.
"""

import gc
import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workers.deliver.stage
import workers.fetch.http
import workers.fetch.polite
import workers.fetch.stage
import workers.poll.documents.read
import workers.poll.stage
import workers.relate.fingerprint
import workers.store.articles
import workers.store.engine
import workers.store.pages
from config.settings import load_settings
from workers import bootstrap, tasks
from workers.deliver.stream import ChangeStream
from workers.domain.outcomes import Advanced, State
from workers.domain.values import Article
from workers.operate.chaos.verdict import standing
from workers.packs import watched_classifier
from workers.pipeline import PATH, Stage
from workers.store.ledger import Ledger
from workers.store.sources import SourceLedger

#: How a process ends, or does not. A hang is ended from outside, as Celery's hard time limit does.
DEEDS = ("kill", "exit", "memory", "hang")
#: The whole path needs a few rounds: what one step leaves is due for the next at once (the lag is 10 ms).
ROUNDS, PAUSE_S = 20, 0.01
#: What the newsroom of these tests has.
ARTICLES = 4


@dataclass(frozen=True)
class Place:
    """A function, and whether the fault comes before it or after it; `only` looks at its arguments."""

    owner: Any
    name: str
    when: str
    only: Callable[..., bool] = lambda *_a, **_k: True


def takes(state: State) -> Callable[..., bool]:
    return lambda _self, _ids, at: at is state


def leads_to(state: State) -> Callable[..., bool]:
    return lambda *_a, to, **_k: to is state


def of(name: str) -> Callable[..., bool]:
    return lambda *arguments: name in {one.name for one in arguments if isinstance(one, Stage)}


STEPS = {"fetch": (State.DISCOVERED, State.FETCHED), "extract": (State.FETCHED, State.EXTRACTED)}
STEPS["classify"] = (State.EXTRACTED, State.CLASSIFIED)

PLACES = {
    "poll: after the claim": Place(SourceLedger, "claim", "after"),
    "poll: after the answer": Place(workers.poll.stage, "ask", "after"),
    "poll: before the commit": Place(SourceLedger, "_discover", "after"),
    "poll: after the commit": Place(SourceLedger, "record", "after"),
    "fetch: after the page": Place(workers.fetch.stage, "fetch_page", "after"),
    "extract: after the text": Place(bootstrap, "extract_page", "after"),
    **{f"{name}: after the claim": Place(Ledger, "claim", "after", takes(one)) for name, (one, _) in STEPS.items()},
    **{
        f"{name}: before the commit": Place(Ledger, "_settle", "after", leads_to(to)) for name, (_, to) in STEPS.items()
    },
    **{f"{name}: after the commit": Place(Ledger, "settle", "after", leads_to(to)) for name, (_, to) in STEPS.items()},
    **{f"{name}: before the hint": Place(tasks, "hint_next", "before", of(name)) for name in STEPS},
    "relay: before the numbers' commit": Place(workers.deliver.stage, "number", "after"),
    "relay: between the numbers and the stream": Place(workers.deliver.stage, "_bring_up", "before"),
    "relay: before an entry of the stream": Place(ChangeStream, "append", "before"),
    "relay: between the stream and the commit": Place(workers.deliver.stage, "_bring_up", "after"),
    "sweep: between the marks and the hints": Place(bootstrap.Steps, "due", "after", of("extract")),
}


def do(deed: str, token: Path) -> None:
    """Die in one of the ways, and leave a sign of it."""
    token.touch()
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "exit":
        sys.exit(3)
    if deed == "memory":
        raise MemoryError
    threading.Event().wait()


def arm(place: Place, deed: str, token: Path) -> None:
    """Put the fault into its place; it comes once."""
    whole = getattr(place.owner, place.name)

    def comes(when: str, *arguments: Any, **named: Any) -> None:
        if when == place.when and not token.exists() and place.only(*arguments, **named):
            do(deed, token)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        comes("before", *arguments, **named)
        result = whole(*arguments, **named)
        comes("after", *arguments, **named)
        return result

    async def awaited(*arguments: Any, **named: Any) -> Any:
        result = await whole(*arguments, **named)
        comes("after", *arguments, **named)
        return result

    setattr(place.owner, place.name, awaited if inspect.iscoroutinefunction(whole) else wrapped)


def text_of(_entry: Any, page: Any, *_more: Any) -> Any:
    """Stand for the extraction, which has a process and tests of its own."""
    body = page.body.decode()
    title = body.split("<title>")[1].split("</title>")[0]
    return Advanced(
        Article(
            title=title,
            text=f"{title}. {body}",
            language="en",
            language_confidence=1.0,
            url=page.url,
            extractor="test 1",
        )
    )


class NoHelper:
    def start(self) -> None:
        """Nothing to start."""


def run_path() -> None:
    """Run what is due, step after step, as the sweeper and the workers would, until nothing is left to do."""
    for _ in range(ROUNDS):
        for stage in PATH:
            task = getattr(tasks, stage.task)
            if stage.takes is State.CLASSIFIED:
                task()
                continue
            for ids in tasks.batches(bootstrap.steps().due(stage), size=ARTICLES, room=ARTICLES):
                task(ids)
        if standing(bootstrap.steps().engine).is_drained(ARTICLES):
            return
        time.sleep(PAUSE_S)


def child(order: dict[str, str]) -> None:
    """Run the path, with a fault or without; never return."""
    bootstrap.extract_page = text_of
    bootstrap.contained = NoHelper  # type: ignore[assignment]
    os.environ["WIREWATCH_DATABASE_URL"] = order["database"]
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # answers alone stand there
    code = 0
    try:
        if "place" in order:
            arm(PLACES[order["place"]], order["deed"], Path(order["token"]))
        run_path()
    except SystemExit:
        code = 3
    except (Exception, MemoryError):  # noqa: BLE001  (told, and the child's end)
        code = 1
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def is_alive(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def main() -> None:
    """Serve orders until standard input ends."""
    watched_classifier(load_settings().topics_dir).current()  # children inherit what is expensive to make
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            child(order)
        if order.get("deed") == "hang":
            while not Path(order["token"]).exists() and is_alive(pid):
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
