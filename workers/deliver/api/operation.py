"""What is in force and how it does: topics, sources, health, metrics."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Engine

from workers.deliver.api.metrics import render
from workers.deliver.api.problems import MEDIA_TYPE
from workers.deliver.contract import Health, Sources, SourceStatus, Topic, Topics
from workers.domain.outcomes import FeedOutcome
from workers.pipeline import HEARTBEAT
from workers.store.changes import stream_trouble
from workers.store.overview import Pulse, flow, list_sources, pulse
from workers.store.webhooks import switched_off

#: Seconds without a tick after which somebody must be told (RELIABILITY.md Q16).
SILENT_BEAT_S = 120.0

UNWELL: dict[int | str, dict[str, Any]] = {
    503: {
        "model": Health,
        "description": "Something is wrong.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def operation_routes(
    engine: Engine,
    topics: Callable[[], list[dict[str, Any]]],
    *,
    silent_s: float = SILENT_BEAT_S,
    own_disk: Callable[[], str] = str,
) -> APIRouter:
    """Return the routes.

    `topics` gives the packs in force, as JSON objects; for `silent_s` beat may be silent; `own_disk` measures the disk
    and says what is wrong with it, "" when nothing is.
    """
    router = APIRouter()

    @router.get("/v1/topics", tags=["configuration"])
    def list_topics() -> Topics:
        """Return the topic packs in force."""
        return Topics(topics=[Topic(**one) for one in topics()])

    @router.get("/v1/sources", tags=["configuration"])
    def sources() -> Sources:
        """Return the sources with how they do: last outcome, error, next poll."""
        return Sources(sources=[source_status(row) for row in list_sources(engine)])

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", tags=["operation"], responses=UNWELL)
    def healthz(response: Response) -> Health:
        """Return 200 when the store answers, the schedule ticks and the stream is ours, else 503 with what is wrong."""
        found = pulse(engine)
        with engine.connect() as connection:
            trouble = stream_trouble(connection)
        problems = [*health_problems(found, silent_s=silent_s, disk=own_disk()), *([trouble] if trouble else [])]
        response.status_code = 503 if problems else 200
        notes = [f"webhook {one} is switched off: see `wirewatch webhooks show {one}`" for one in switched_off(engine)]
        return Health(ok=not problems, problems=problems, notes=notes, last_seq=found.last_seq)

    @router.get("/", include_in_schema=False)
    def directory(request: Request) -> dict[str, list[str]]:
        """Name the addresses, for whoever opens the API in a browser."""
        paths = [*request.app.openapi()["paths"], "/metrics", "/openapi.json"]
        return {"addresses": [f"{request.base_url}{path.removeprefix('/')}" for path in paths]}

    @router.get("/metrics", tags=["operation"], include_in_schema=False)
    def metrics() -> Response:
        """Return the ledger's metrics, in the text format of Prometheus."""
        return Response(render(flow(engine), list_sources(engine)), media_type=CONTENT_TYPE_LATEST)

    return router


def health_problems(found: Pulse, *, silent_s: float = SILENT_BEAT_S, disk: str = "") -> list[str]:
    """Return what keeps the system from being healthy, in words. (Promises are checked by `upkeep`, not here.)

    `disk`: what is wrong with this process's own disk. When it is also the database's nobody can note a pause there.
    """
    problems = []
    ticked = found.last_tick.get("sweep")
    if ticked is None:
        problems.append("the schedule has not ticked yet")
    elif (found.now - ticked).total_seconds() > silent_s:
        problems.append(f"the schedule has not ticked since {ticked.isoformat()}")
    else:
        beat = found.last_tick.get(HEARTBEAT, found.now)
        if (found.now - beat).total_seconds() > silent_s:
            problems.append(f"beat is silent since {beat.isoformat()}: the relay ticks in its place")
    if found.paused is not None:
        problems.append(f"nothing is polled or fetched: {found.paused}")
    if disk and disk not in (found.paused or ""):
        problems.append(disk)
    return problems


def source_status(row: Any) -> SourceStatus:
    """Return a source row as the API shows it."""
    shown = {name: row[name] for name in SourceStatus.model_fields if name != "next_poll_at"}
    if row["last_outcome"] == FeedOutcome.BUG and row["last_error"]:
        shown["last_error"] = row["last_error"].strip().splitlines()[-1]  # of a traceback: its paths are nobody's
    return SourceStatus(**shown, next_poll_at=row["not_before"])
