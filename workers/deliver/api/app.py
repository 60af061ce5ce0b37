"""The HTTP API. The change log with its cursor is the contract; the rest helps people to look."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, TimeoutError  # noqa: A004  (no connection is free)

from workers.deliver.contract import (
    Articles,
    Changes,
    FullArticle,
    Health,
    Problem,
    Sources,
    SourceStatus,
    Topic,
    Topics,
)
from workers.deliver.event import event_of
from workers.deliver.api.metrics import render
from workers.deliver.api.refusals import NO_ARTICLE, only_known_parameters, refuse_unknown
from workers.deliver.api.verdicts import verdict_routes
from workers.domain.outcomes import FeedOutcome
from workers.store.changes import changes_after, last_seq, stream_trouble
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


#: Readers of everything are told this when the database is away.
AWAY: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "The store does not answer."}}


def make_api(engine: Engine, topics: Callable[[], list[dict[str, Any]]], version: str) -> FastAPI:
    """Return the application. `topics` gives the packs in force, as JSON objects."""
    api = FastAPI(
        title="Wirewatch",
        version=version,
        summary="What the world's press reports on the watched topics",
        docs_url=None,
        redoc_url=None,
        responses=AWAY,
        dependencies=[Depends(only_known_parameters)],
    )

    @api.exception_handler(OperationalError)
    @api.exception_handler(TimeoutError)
    def unavailable(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the store does not answer; try again"}, 503, headers={"retry-after": "5"})

    @api.get("/v1/changes", tags=["delivery"], response_model=Changes)
    def changes(
        after: Annotated[int, Query(ge=0, le=2**62, description="The last seq you have.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        topic: Name = None,
        language: Language = None,
        source: Name = None,
        country: Country = None,
    ) -> JSONResponse:
        """Read the change log from a cursor: in order, without gaps, nothing twice."""
        only = {"topic": topic, "language": language, "source": source, "country": country}
        with engine.connect() as connection:
            refuse_unknown(connection, topic, topics())
            newest = last_seq(connection)
            until = min(newest, after + LOOK_AHEAD)
            rows = changes_after(connection, after, limit, until=until, **only)
        # a page that is not full has looked at everything up to `until`
        reached = rows[-1]["seq"] if len(rows) == limit else max(after, until)
        return JSONResponse({"changes": [event_of(row) for row in rows], "next_after": reached, "last_seq": newest})

    @api.get("/v1/articles", tags=["articles"], response_model=Articles)
    def articles(
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        before: Annotated[UUID | None, Query(description="`next_before` of the page before.")] = None,
        topic: Name = None,
        language: Language = None,
        source: Name = None,
        country: Country = None,
    ) -> JSONResponse:
        """List classified articles, newest discovery first."""
        only = {"topic": topic, "language": language, "source": source, "country": country}
        with engine.connect() as connection:
            refuse_unknown(connection, topic, topics())
            rows = list_articles(connection, limit=limit, before=before, **only)
        return JSONResponse({"articles": rows, "next_before": rows[-1]["id"] if len(rows) == limit else None})

    missing: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such article."}}

    @api.get("/v1/articles/{article_id}", tags=["articles"], response_model=FullArticle, responses=missing)
    def article(article_id: UUID) -> JSONResponse:
        """Return one article with its text, its flags and their evidence."""
        with engine.connect() as connection:
            found = article_by_id(connection, article_id)
        if found is None:
            raise HTTPException(404, NO_ARTICLE)
        return JSONResponse(found)

    api.include_router(verdict_routes(engine, topics))

    @api.get("/v1/topics", tags=["configuration"])
    def list_topics() -> Topics:
        """Return the topic packs in force."""
        return Topics(topics=[Topic(**one) for one in topics()])

    @api.get("/v1/sources", tags=["configuration"])
    def sources() -> Sources:
        """Return the sources with how they do: last outcome, error, next poll."""
        return Sources(sources=[source_status(row) for row in list_sources(engine)])

    unwell: dict[int | str, dict[str, Any]] = {503: {"model": Health | Problem, "description": "Something is wrong."}}

    @api.head("/healthz", include_in_schema=False)
    @api.get("/healthz", tags=["operation"], responses=unwell)
    def healthz(response: Response) -> Health:
        """Return 200 when the store answers, the schedule ticks and the stream is ours, else 503 with what is wrong."""
        found = pulse(engine)
        with engine.connect() as connection:
            trouble = stream_trouble(connection)
        problems = [*health_problems(found), *([trouble] if trouble else [])]
        response.status_code = 503 if problems else 200
        return Health(ok=not problems, problems=problems, last_seq=found.last_seq)

    @api.get("/", include_in_schema=False)
    def directory(request: Request) -> dict[str, list[str]]:
        """Name the addresses, for whoever opens the API in a browser."""
        paths = [*request.app.openapi()["paths"], "/metrics", "/openapi.json"]
        return {"addresses": [f"{request.base_url}{path.removeprefix('/')}" for path in paths]}

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


def source_status(row: Any) -> SourceStatus:
    """Return a source row as the API shows it."""
    shown = {name: row[name] for name in SourceStatus.model_fields if name != "next_poll_at"}
    if row["last_outcome"] == FeedOutcome.BUG and row["last_error"]:
        shown["last_error"] = row["last_error"].strip().splitlines()[-1]  # of a traceback: its paths are nobody's
    return SourceStatus(**shown, next_poll_at=row["not_before"])
