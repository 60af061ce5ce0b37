"""For tests of many at once: `python -m tests.crowd '{...}'` fetches what the ledger holds, as one worker of several.

Between what the sweeper would hint at it takes entries that nobody hinted at, as late and doubled messages make a
worker do: so workers meet at the host all the time. It ends when no entry is left.
"""

import asyncio
import itertools
import json
import random
import sys
import threading
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, exists, select

from tests.manners import clock
from workers.domain.outcomes import State
from workers.fetch.http import HttpClient
from workers.fetch.polite import Alone, Outside
from workers.fetch.stage import fetch_entries
from workers.store.engine import make_engine
from workers.store.hosts import HostBook
from workers.store.ledger import Ledger
from workers.store.robots import RobotsBook
from workers.store.schema import entry

#: A worker looks for hints so often, and takes entries that nobody hinted at every so many looks.
LOOK_EVERY_S, STRAY_EVERY = 0.2, 4


def ledger_of(engine: Engine, wishes: dict[str, Any]) -> Ledger:
    return Ledger(
        engine, lease_s=90, hint_lag_s=wishes["lag_s"], per_host=wishes["per_host"], ahead_s=wishes["budget_s"]
    )


def outside_of(engine: Engine, wishes: dict[str, Any]) -> Outside:
    http = HttpClient(
        user_agent="Wirewatch/0 (+https://example.org/bot)",
        deadline_s=10,
        max_bytes=1_000_000,
        max_redirects=5,
        allowed=[wishes["pair"]],
        clock=clock,
    )
    hosts = HostBook(engine, lease_s=90, ahead_s=wishes["budget_s"]) if wishes["polite"] else Alone()
    book = RobotsBook(engine) if wishes["polite"] else Alone()
    return Outside(
        http, hosts, book, delay_s=wishes["delay_s"], budget_s=wishes["budget_s"], deadline_s=30, clock=clock
    )


def any_left(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(select(exists().where(entry.c.state == State.DISCOVERED))).scalar())


def work(wishes: dict[str, Any]) -> None:
    engine = make_engine(wishes["database"], role="crowd")
    ledger, outside = ledger_of(engine, wishes), outside_of(engine, wishes)
    with engine.connect() as connection:
        known = list(connection.execute(select(entry.c.id)).scalars())
    nothing_hinted = itertools.cycle(range(STRAY_EVERY))
    pause = threading.Event()

    with asyncio.Runner() as loop:
        print("ready", flush=True)
        sys.stdin.readline()  # all begin together
        while any_left(engine):
            ids = [UUID(str(due.id)) for due in ledger.due(State.DISCOVERED, 50)]
            if not ids and next(nothing_hinted) == 0:
                ids = random.sample(known, 3)
            if ids:
                loop.run(fetch_entries(ids, ledger=ledger, open_session=outside.session))
            else:
                pause.wait(LOOK_EVERY_S)


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
