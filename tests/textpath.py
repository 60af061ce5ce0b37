"""The path for texts by the thousand: in one process, in batches, on the real stores, without a port.

Feeds are parsed, sources and entries claimed and settled, pages stored, extracted and classified, changes numbered and
handed to the stream by the product's own code. Left out are HTTP and the process that reads pages, which only carry
bytes and have tests of their own.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, select

from config.settings import Settings, changed
from tests.conftest import Servers
from tests.making import make_page, make_source, poll_result, record, run_sql, settle_advanced
from tests.naughty import Told, feed
from tests.readers import answers_of, read_changes
from workers import bootstrap
from workers.bootstrap import Steps, make_http_api
from workers.deliver.stream import STREAM
from workers.domain.outcomes import Outcome, State
from workers.domain.values import Article, Entry, Page
from workers.extract.language import detect
from workers.extract.stage import extract
from workers.poll.documents.feed import parse_feed
from workers.store.schema import entry

BASE = "https://agency.example"
BATCH = 10


class Reader:
    """Reads pages in this process."""

    def start(self) -> None:
        """Nothing to start."""

    def extract(self, one: Entry, page: Page) -> Outcome[Article]:
        return extract(one, page, detect=detect)


class TextPath:
    """The path, and what its readers have."""

    def __init__(self, engine: Engine, steps: Steps, stream: redis.Redis) -> None:
        self.engine = engine
        self.steps = steps
        self._stream = stream
        self._api = make_http_api(steps.settings)

    def tell(self, told: Sequence[Told]) -> dict[int, UUID]:
        """Let a feed name articles, and bring through what is new of them; return the id of each."""
        for start in range(0, len(told), BATCH):
            part = told[start : start + BATCH]
            self.steps.sources.sync([make_source(url=f"{BASE}/rss")])
            run_sql(self.engine, "UPDATE source SET not_before = now()")
            parsed = parse_feed(feed(BASE, part), url=f"{BASE}/rss", content_type="application/feed+json")
            record(self.steps.sources, "agency", poll_result(*parsed.entries))
            ids = self._ids(part)
            claim = self.steps.ledger.claim(ids.values(), State.DISCOVERED)
            by_url = {BASE + one.path: one for one in part}
            pages = {one.id: make_page(by_url[one.url].page(), url=one.url) for one in claim.entries}
            fetched = settle_advanced(self.steps.ledger, claim, pages)
            assert len(self.steps.classify(self.steps.extract(fetched))) == len(fetched)
        while self.steps.relay():
            pass
        return self._ids(told)

    def _ids(self, told: Sequence[Told]) -> dict[int, UUID]:
        by_url = {BASE + one.path: one.number for one in told}
        with self.engine.connect() as connection:
            rows = connection.execute(select(entry.c.id, entry.c.url).where(entry.c.url.in_(by_url))).all()
        return {by_url[row.url]: row.id for row in rows}

    def changes(self) -> list[dict[str, Any]]:
        """Return the change log as the API tells it."""
        return read_changes(self._api)

    def articles(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """Return whole articles as the API tells them."""
        return answers_of(self._api, [f"/v1/articles/{one}" for one in ids])

    def stream(self) -> list[dict[str, Any]]:
        """Return the events of the Redis stream."""
        entries: Any = self._stream.xrange(STREAM)
        return [json.loads(fields[b"event"]) for _, fields in entries]


def check(path: TextPath, told: Sequence[Told]) -> None:
    """Bring articles through, twice, and hold what readers get to the rule."""
    ids = path.tell(told)
    assert len(ids) == len(told), "every article has its entry"
    log = path.changes()
    assert [one["seq"] for one in log] == list(range(1, len(log) + 1))
    by_id = {one["data"]["article"]["id"]: one for one in log}
    articles = path.articles([ids[one.number] for one in told])
    for one, article in zip(told, articles, strict=True):
        assert article["title"] == one.expected_title, (one.number, one.title)
        assert article["text"] == one.expected_text, (one.number, one.texts)
        assert by_id[article["id"]]["data"]["article"]["title"] == article["title"]
        for span in spans(article):
            assert article[span["field"]][span["start"] : span["end"]] == span["text"], (one.number, span)
    assert any(flag["evidence"] for one in articles for flag in one["flags"]), "there are spans to look at"
    assert path.stream() == log
    assert path.tell(told) == ids, "the same once more is the same entries"
    assert path.changes() == log, "and nothing to tell"


def spans(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every span of an article, wherever it stands."""
    if isinstance(value, dict):
        if {"field", "start", "end", "text"} <= value.keys():
            yield value
        for part in value.values():
            yield from spans(part)
    elif isinstance(value, list):
        for part in value:
            yield from spans(part)


@contextmanager
def text_path(
    engine: Engine, database_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TextPath]:
    """Open a path on a test's own database and an empty stream."""
    monkeypatch.setattr(bootstrap, "contained", Reader)
    settings = changed(
        Settings(),
        api_rate=0,  # thousands of articles are asked for at once
        database_url=SecretStr(database_url),
        stream_url=servers.redis.broker_url.replace("virtual_host=0", "virtual_host=3"),
        revisit_after_s=[],
        host_delay_s=0,
    )
    with closing(redis.Redis.from_url(servers.redis.client_url(3))) as client:
        client.flushdb()
        steps = Steps(settings)
        yield TextPath(engine, steps, client)
        steps.close()
        client.flushdb()
