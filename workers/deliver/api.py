"""The HTTP API. The change log with its cursor is the contract; the rest helps people to look."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, TimeoutError  # noqa: A004  (no connection is free)

from workers.deliver.event import event_of
from workers.deliver.metrics import render
from workers.store.changes import changes_after, last_seq
from workers.store.overview import Pulse, flow, list_sources, pulse
from workers.store.reading import article_by_id, list_articles

MOST = 500

#: A filtered page looks at this many changes and then answers, so that a rare topic cannot cost a reader its page: the
#: cursor goes on although nothing matched.
LOOK_AHEAD = 10_000

#: Identifiers of topics and sources, as the configuration allows them.
Name = Annotated[str | None, Query(max_length=100, pattern="^[a-z0-9-]+$")]
Language = Annotated[str | None, Query(pattern="^[a-z]{2,3}$", description="ISO 639-1; `und` when none is sure.")]
Country = Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, of the source's seat.")]


class Change(BaseModel):
    """One event of the append-only change log."""

    seq: int = Field(description="The cursor: 1, 2, 3, ... without gaps.")
    event_id: str = Field(description="Never changes; an event seen twice has the same one.")
    type: str = Field(description="created | updated | reclassified | withdrawn")
    time: str
    article: dict[str, Any] = Field(description="The article as it was then; its text is at /v1/articles/{id}.")


class Changes(BaseModel):
    """A page of the change log."""

    changes: list[Change]
    next_after: int = Field(description="Give this as `after` next time. It never goes back.")
    last_seq: int = Field(description="The newest number there is; ask again at once while next_after is smaller.")


class Articles(BaseModel):
    """A page of articles, newest first."""

    articles: list[dict[str, Any]]
    next_before: str | None = Field(description="Give this as `before` for the next page; null at the end.")


def make_api(engine: Engine, topics: Callable[[], list[dict[str, Any]]], version: str) -> FastAPI:
    """Return the application. `topics` gives the packs in force, as JSON objects."""
    api = FastAPI(
        title="Wirewatch",
        version=version,
        summary="What the world's press reports on the watched topics",
        docs_url=None,
        redoc_url=None,
    )

    @api.exception_handler(OperationalError)
    @api.exception_handler(TimeoutError)
    def unavailable(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the store does not answer; try again"}, 503, headers={"retry-after": "5"})

    @api.get("/v1/changes", tags=["delivery"])
    def changes(
        after: Annotated[int, Query(ge=0, le=2**62, description="The last seq you have.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        topic: Name = None,
        language: Language = None,
        source: Name = None,
        country: Country = None,
    ) -> Changes:
        """Read the change log from a cursor: in order, without gaps, nothing twice."""
        only = {"topic": topic, "language": language, "source": source, "country": country}
        with engine.connect() as connection:
            newest = last_seq(connection)
            until = min(newest, after + LOOK_AHEAD)
            rows = changes_after(connection, after, limit, until=until, **only)
        # a page that is not full has looked at everything up to `until`
        reached = rows[-1]["seq"] if len(rows) == limit else max(after, until)
        return Changes(changes=[Change(**event_of(row)) for row in rows], next_after=reached, last_seq=newest)

    @api.get("/v1/articles", tags=["articles"])
    def articles(
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        before: Annotated[UUID | None, Query(description="`next_before` of the page before.")] = None,
        topic: Name = None,
        language: Language = None,
        source: Name = None,
    ) -> Articles:
        """List classified articles, newest discovery first."""
        with engine.connect() as connection:
            rows = list_articles(connection, limit=limit, before=before, topic=topic, language=language, source=source)
        return Articles(articles=rows, next_before=rows[-1]["id"] if len(rows) == limit else None)

    @api.get("/v1/articles/{article_id}", tags=["articles"])
    def article(article_id: UUID) -> dict[str, Any]:
        """Return one article with its text, its flags and their evidence."""
        with engine.connect() as connection:
            found = article_by_id(connection, article_id)
        if found is None:
            raise HTTPException(404, "no classified article has this id")
        return found

    @api.get("/v1/topics", tags=["configuration"])
    def list_topics() -> dict[str, Any]:
        """Return the topic packs in force."""
        return {"topics": topics()}

    @api.get("/v1/sources", tags=["configuration"])
    def sources() -> dict[str, Any]:
        """Return the sources with how they do: last outcome, error, next poll."""
        return {"sources": [source_json(row) for row in list_sources(engine)]}

    @api.get("/healthz", tags=["operation"])
    def healthz(response: Response) -> dict[str, Any]:
        """Return 200 when the store answers and the schedule ticks, else 503 with what is wrong."""
        found = pulse(engine)
        problems = health_problems(found)
        response.status_code = 503 if problems else 200
        return {"ok": not problems, "problems": problems, "last_seq": found.last_seq}

    @api.get("/metrics", tags=["operation"], include_in_schema=False)
    def metrics() -> Response:
        """Return the ledger's metrics, in the text format of Prometheus."""
        return Response(render(flow(engine), list_sources(engine)), media_type=CONTENT_TYPE_LATEST)

    return api


#: Seconds without a tick after which somebody must be told (RELIABILITY.md Q16).
SILENT_BEAT_S = 120


def health_problems(found: Pulse) -> list[str]:
    """Return what keeps the system from being healthy, in words. (Promises are checked by `upkeep`, not here.)"""
    problems = []
    ticked = found.last_tick.get("sweep")
    if ticked is None:
        problems.append("the schedule has not ticked yet")
    elif (found.now - ticked).total_seconds() > SILENT_BEAT_S:
        problems.append(f"the schedule has not ticked since {ticked.isoformat()}")
    return problems


def source_json(row: Any) -> dict[str, Any]:
    """Return a source row as the API shows it."""
    shown = ("id", "name", "url", "language", "country", "owner", "state_owned", "watched", "interval_s", "outcomes")
    told = ("last_outcome", "last_error", "failures", "polled_at", "succeeded_at", "found_at")
    return {name: row[name] for name in (*shown, *told)} | {"next_poll_at": row["not_before"]}
