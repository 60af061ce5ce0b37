"""What a worker comes to when a whole batch is meant to eat its memory: `python -m tests.hungry_batch`.

Reads {database, warm, batches} as JSON from stdin: ids of discovered entries with the servers that they lead to. Writes
how the batches ended and by how many bytes memory grew at most, as JSON. The whole step runs here as it does in a
worker: claim, session, settlement.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine

from tests.hungry import MAX_BODY, Peak
from tests.making import make_ledger
from tests.manners import clock
from workers.fetch.http import HttpClient
from workers.fetch.polite import Outside
from workers.fetch.stage import fetch_entries
from workers.store.hosts import HostBook
from workers.store.robots import RobotsBook


async def fetch(engine: Any, batches: list[list[str]], servers: list[str]) -> list[dict[str, int]]:
    """Fetch batch after batch, each until nothing in it waits any more, with the defaults of the product."""
    http = HttpClient(
        user_agent="Wirewatch",
        deadline_s=30,
        max_bytes=MAX_BODY,
        max_redirects=5,
        allowed=servers,
        clock=clock,
    )
    outside = Outside(
        http,
        HostBook(engine, lease_s=180, ahead_s=30),
        RobotsBook(engine),
        delay_s=0.05,
        budget_s=30,
        deadline_s=30,
        clock=clock,
    )
    ledger, ends = make_ledger(engine), []
    for ids in batches:
        ended: Counter[str] = Counter()
        left = [UUID(one) for one in ids]
        for _ in range(5):
            settled = await fetch_entries(left, ledger=ledger, open_session=outside.session)
            ended["fetched"] += len(settled.advanced)
            left = [one for one in left if one not in settled.advanced]
            if not left:
                break
        ended["left"] = len(left)
        ends.append(dict(ended))
    await http.close()
    return ends


if __name__ == "__main__":
    given = json.load(sys.stdin)
    engine = create_engine(given["database"])
    asyncio.run(fetch(engine, given["warm"], given["servers"]))
    with Peak() as peak:
        ends = asyncio.run(fetch(engine, given["batches"], given["servers"]))
    json.dump({"ends": ends, "grown": peak.most - peak.before}, sys.stdout)
