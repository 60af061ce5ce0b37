"""The change log over HTTP: pages from a cursor, at once or as soon as there is something."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from isal import igzip
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RowMapping
from starlette.concurrency import run_in_threadpool

from workers.deliver.api.answers import as_json
from workers.deliver.api.courtesy import Courtesy
from workers.deliver.api.examples import CHANGES, shown
from workers.deliver.api.limits import Places
from workers.deliver.api.newest import Newest
from workers.deliver.api.parameters import MOST, Country, Language, LeastProbability, Source, Topic
from workers.deliver.api.refusals import refuse_unknown
from workers.deliver.contract import Changes
from workers.deliver.event import event_of
from workers.store.changes import changes_after, last_seq, ledger_id
from workers.store.reading import texts_of

#: A filtered page looks at this many changes and then answers, so that a rare topic cannot cost a reader its page: the
#: cursor goes on although nothing matched.
LOOK_AHEAD = 10_000

#: Below this gzip gains nothing. ISA-L's level 1 of 0 to 3: as short as zlib's.
LEAST_GZIPPED, GZIP_LEVEL = 1_000, 1

#: Stands for an article while its event is written: PostgreSQL stores no such character.
HOLE = "\0"

#: With texts a page is this long at most: a hundred long reports are some megabytes.
MOST_WITH_TEXT = 100

#: Who waits is looked after so often: a client that left must not keep its place.
LOOK_AFTER_S = 1.0

After = Annotated[int, Query(ge=0, le=2**62, description="The last seq you have.")]
WithText = Annotated[bool, Query(description="Each article with its text; then a page has 100 changes at most.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a reader wants of the log: the parameters of each address that tells changes."""

    topic: Topic = None
    language: Language = None
    source: Source = None
    country: Country = None
    min_probability: LeastProbability = None
    text: WithText = False


#: A parameter of an endpoint that is filled from those.
Filters = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, each with its number and in JSON; how far the log was looked at; its highest number then; the
    CPU seconds that it took."""

    events: list[tuple[int, bytes]]
    reached: int
    newest: int
    cpu_s: float


class Log:
    """The change log as readers page through it."""

    def __init__(self, engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> None:
        self._engine = engine
        self._topics = topics

    def last_seq(self) -> int:
        """Return the highest number."""
        with self._engine.connect() as connection:
            return last_seq(connection)

    def check(self, wanted: Wanted) -> None:
        """Raise RequestValidationError for a topic that nobody knows."""
        if wanted.topic is not None:
            with self._engine.connect() as connection:
                refuse_unknown(connection, wanted.topic, self._topics())

    def page(self, after: int, limit: int, wanted: Wanted) -> Page:
        """Return the changes after a number, at most so many. It may be empty and yet have come further."""
        begun = thread_time()
        if wanted.text:
            limit = min(limit, MOST_WITH_TEXT)
        with self._engine.begin() as connection:
            ledger, newest = ledger_id(connection), last_seq(connection)
            until = min(newest, after + LOOK_AHEAD)
            rows = changes_after(
                connection,
                after,
                limit,
                until=until,
                topic=wanted.topic,
                min_probability=wanted.min_probability,
                language=wanted.language,
                source=wanted.source,
                country=wanted.country,
                unread=True,
            )
            texts = _texts_of(connection, rows) if wanted.text else itertools.repeat(None)
        frame = frame_of(ledger)
        events = [(row["seq"], event_json(frame, row, text)) for row, text in zip(rows, texts, strict=False)]
        # a page that is not full has looked at everything up to `until`
        reached = rows[-1]["seq"] if len(rows) == limit else max(after, until)
        return Page(events, reached, newest, thread_time() - begun)


def _texts_of(connection: Connection, rows: Sequence[RowMapping]) -> list[str | None]:
    """Return the text of each change's article, in the version that it tells of."""
    versions = [(UUID(row["entry_id"]), row["version"]) for row in rows]
    found = texts_of(connection, versions)
    return [found.get(one) for one in versions]


def change_routes(log: Log, newest: Newest, places: Places, courtesy: Courtesy) -> APIRouter:
    """Return the route of the log's pages."""
    router = APIRouter(tags=["delivery"])

    @router.get("/v1/changes", response_model=Changes, responses=shown(CHANGES))
    async def changes(
        request: Request,
        wanted: Filters,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        wait: Annotated[
            float, Query(ge=0, le=60, description="Seconds to wait for a change, when there is none yet.")
        ] = 0,
    ) -> Response:
        """Read the change log from a cursor: in order, without gaps, nothing twice. With `wait`, it is a long poll."""
        await run_in_threadpool(log.check, wanted)
        page = await run_in_threadpool(log.page, after, limit, wanted)
        if wait and not page.events:
            with places.one(request.state.reader):
                page = await _waited(request, log, newest, page, limit, wanted, wait)
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        body, headers = await run_in_threadpool(_packed, _page_json(page), takes_gzip)
        await courtesy.give_way(len(page.events), page.cpu_s)
        return Response(body, headers=headers, media_type="application/json")

    return router


async def _waited(
    request: Request, log: Log, newest: Newest, page: Page, limit: int, wanted: Wanted, wait_s: float
) -> Page:
    """Return the first page with something on it, or the last one when the time is over or nobody listens any more."""
    clock = asyncio.get_running_loop().time
    until = clock() + wait_s
    while not page.events and (left := until - clock()) > 0 and not newest.is_closing:
        if page.reached < page.newest or await newest.beyond(page.reached, min(left, LOOK_AFTER_S)):
            page = await run_in_threadpool(log.page, page.reached, limit, wanted)
        elif await request.is_disconnected():
            break
    return page


def _page_json(page: Page) -> bytes:
    events = b",".join(told for _, told in page.events)
    return b'{"changes":[%s],"next_after":%d,"last_seq":%d}' % (events, page.reached, page.newest)


def _packed(body: bytes, takes_gzip: bool) -> tuple[bytes, dict[str, str]]:
    """Return a page as it is sent. A long one is too long for zlib: its quickest takes 15 ms for 2 MB, ISA-L's 3."""
    headers = {"vary": "Accept-Encoding"}
    if not takes_gzip or len(body) < LEAST_GZIPPED:
        return body, headers
    return igzip.compress(body, GZIP_LEVEL), {**headers, "content-encoding": "gzip"}


def frame_of(ledger: str) -> str:
    """Return an event in JSON, as `event_of` has it; `%s` is id, type, subject, time, seq, unflagged, article."""
    holes = dict.fromkeys(("event_id", "type", "entry_id", "seq", "unflagged", "payload"), HOLE)
    frame = as_json(event_of({**holes, "created_at": _Moment()}, ledger)).decode().replace("%", "%%")
    hole = as_json(HOLE).decode()
    for name, whole in (("seq", hole), ("unflagged", f"[{hole}]"), ("article", hole)):  # no strings: without quotes
        frame = frame.replace(f'"{name}":{whole}', f'"{name}":%s')
    return frame.replace(hole.strip('"'), "%s")


class _Moment:
    """Stands for the time of a change."""

    def isoformat(self) -> str:
        """Return the hole."""
        return HOLE


def event_json(frame: str, row: RowMapping, text: str | None) -> bytes:
    """Return the event of a change whose payload is unread: reading and writing 500 takes most of a page."""
    article = row["payload"]
    if text is not None:
        article = f'{article[:-1]},"text":{as_json(text).decode()}}}'
    time = row["created_at"].isoformat().replace("+00:00", "Z")
    holes = (row["event_id"], row["type"], row["entry_id"], time, row["seq"], row["unflagged"], article)
    return (frame % holes).encode()
