"""The memory of a worker whose whole batch leads to hosts that send as much as they may."""

import gzip
import json
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from tests.hostile import page
from tests.making import make_source, make_source_ledger, poll_result, record
from tests.manners import NO_ROBOTS, TEXT, Outlet
from workers.domain.values import FeedEntry
from workers.fetch.robots import MAX_BYTES
from workers.launch import MALLOC
from workers.store.schema import entry

HOSTS = 50
SIZE = 9_900_000
PARAGRAPH = b"<p>a</p>"
#: 14 KB on the wire.
PACKED = page(gzip.compress(PARAGRAPH * (SIZE // len(PARAGRAPH)), 9), "Content-Encoding: gzip")
#: What cannot be packed, in our store neither.
NOISE = page(random.Random(1).randbytes(SIZE))
#: As many rules as there is room for, each of which takes a parser about a KB.
RULES = page(
    b"User-agent: *\n" + b"".join(b"Disallow: /a*%d$\n" % number for number in range(MAX_BYTES // 20)),
    content_type="text/plain",
)


def discovered(engine: Engine, outlets: list[Outlet], path: str) -> list[str]:
    """Return the ids of one new entry for each outlet."""
    sources = make_source_ledger(engine)
    urls = [f"{one.url}/{path}" for one in outlets]
    record(sources, "agency", poll_result(*(FeedEntry(key=url, url=url) for url in urls)))
    with engine.connect() as connection:
        found: dict[str, UUID] = {row.url: row.id for row in connection.execute(select(entry.c.url, entry.c.id))}
    return [str(found[url]) for url in urls]


@pytest.mark.parametrize(
    ("answer", "robots", "limit_mb"),
    [
        pytest.param(PACKED, NO_ROBOTS, 50, id="packed"),
        pytest.param(page(TEXT), RULES, 50, id="rules"),
        # one page at a time, which the store's driver copies three times
        pytest.param(NOISE, NO_ROBOTS, 110, id="noise"),
    ],
)
def test_it_grows_by_little(engine: Engine, answer: bytes, robots: bytes, limit_mb: int) -> None:
    make_source_ledger(engine).sync([make_source()])
    with ExitStack() as stack:
        warm = [stack.enter_context(Outlet(host=f"127.0.1.{number}")) for number in range(1, 4)]
        outlets = [
            stack.enter_context(Outlet({"/big": answer}, robots=robots, host=f"127.0.0.{number}"))
            for number in range(2, 2 + HOSTS)
        ]
        given = {
            "database": engine.url.render_as_string(hide_password=False),
            "servers": [one.url.removeprefix("http://") for one in [*warm, *outlets]],
            "warm": [discovered(engine, warm, "small")],
            "batches": [discovered(engine, outlets, "big")],
        }
        ran = subprocess.run(
            [sys.executable, "-m", "tests.hungry_batch"],
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=os.environ | MALLOC,
        )
    said = json.loads(ran.stdout)
    print(f"{said['ends']}, grown by {said['grown'] / 1e6:.1f} MB at most")
    assert said["ends"] == [{"fetched": HOSTS, "left": 0}]
    assert said["grown"] < limit_mb * 1_000_000
