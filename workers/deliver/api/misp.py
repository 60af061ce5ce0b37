"""The MISP feed of the flagged articles: manifest, events, hashes."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import Engine, func, select

from workers.deliver.collection import last_told, told_of
from workers.deliver.formats.misp import hash_lines, manifest_line, misp_event
from workers.deliver.formats.stix import Ledger, Told, article_uuid
from workers.store.flagged import first_added_after, flagged_of, ledger_since

T = TypeVar("T")

#: What the manifest names: flagged articles that were new or changed in so many days. MISP keeps what it has taken.
DAYS = 7

#: And the newest of those: 2 MB of manifest.
MOST = 5_000


def misp_routes(engine: Engine) -> APIRouter:
    """Return the routes of the feed's three kinds of files."""
    routes = APIRouter(prefix="/misp", include_in_schema=False)

    def recent(make: Callable[[Ledger, Told], T]) -> list[T]:
        with engine.begin() as connection:
            ledger = Ledger(*ledger_since(connection))
            since = connection.execute(select(func.now())).scalar_one() - timedelta(days=DAYS)
            first = first_added_after(connection, since)
        return list(deque((make(ledger, one) for _, one in last_told(engine, first - 1)), maxlen=MOST))

    @routes.get("/manifest.json")
    def manifest() -> Response:
        return JSONResponse(dict(recent(manifest_line)))

    @routes.get("/hashes.csv")
    def hashes() -> Response:
        lines = recent(lambda ledger, told: "".join(hash_lines(misp_event(ledger, told))))
        return PlainTextResponse("".join(lines), media_type="text/csv")

    @routes.get("/{event_id}.json")
    def event(event_id: UUID) -> Response:
        with engine.begin() as connection:
            ledger = Ledger(*ledger_since(connection))
            found = flagged_of(connection, [article_uuid(event_id)])
        if not found:
            raise HTTPException(404, "no flagged article has this id")
        return JSONResponse(misp_event(ledger, told_of(found[-1])))

    return routes
