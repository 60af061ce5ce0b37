"""Feeds over HTTP: one for each question that `/v1/articles` answers, so a saved query is its address."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection, Engine, func, select

from workers.deliver.api.parameters import Country, Language, LeastProbability, Search, Source, Topic
from workers.deliver.api.refusals import refuse_unknown
from workers.deliver.formats.feeds import MEDIA_TYPES, MOST_ENTRIES, NAME, Entry, Feed, render
from workers.store.changes import ledger_id
from workers.store.reading import list_articles, texts_of, times_of

#: A change may be committed after one that carries a later time, but not after a statement's longest time (30 s) and
#: the relay's next round: what is older than this (seconds) has no gaps that will be filled.
SETTLED_S = 60

#: How long a reader may go without asking again; most ask every quarter or full hour.
CACHED_S = 60

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}, "description": "The newest first."},
    304: {"description": "As when `ETag` or `Last-Modified` was given out."},
}


def feed_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the route of the feeds. `topics` gives the packs in force, as JSON objects."""
    router = APIRouter(tags=["articles"])

    @router.head("/v1/feeds/{kind}", include_in_schema=False)
    @router.get("/v1/feeds/{kind}", response_class=Response, responses=ANSWERS)
    def feed(
        request: Request,
        kind: Literal["rss", "atom", "json"],
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 50,
        q: Search = None,
        topic: Topic = None,
        language: Language = None,
        source: Source = None,
        country: Country = None,
        min_probability: LeastProbability = None,
    ) -> Response:
        """Return the newest articles as RSS 2.0, Atom or JSON Feed, for feed readers. Asked again, it answers 304."""
        only: dict[str, Any] = {
            "topic": topic,
            "q": q,
            "language": language,
            "country": country,
            "source": source,
            "min_probability": min_probability,
        }
        packs = topics()
        with engine.begin() as connection:
            refuse_unknown(connection, topic, packs)
            entries = _newest(connection, limit, only)
            ledger = ledger_id(connection)
            now = connection.execute(select(func.now())).scalar_one()
        made = Feed(
            ledger=ledger,
            query=urlencode({name: value for name, value in only.items() if value is not None}),
            title=title_of(only, {one["id"]: one["name"] for one in packs}),
            address=str(request.url),
            entries=entries,
        )
        body = render(made, kind)
        headers = validators(body, made.updated if entries else None, now)
        if is_known(request.headers, headers, made.updated):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=f"{MEDIA_TYPES[kind]}; charset=utf-8", headers=headers)

    return router


def _newest(connection: Connection, limit: int, only: dict[str, Any]) -> list[Entry]:
    only = dict(only)
    articles = list_articles(connection, limit=limit, search=only.pop("q"), **only)
    versions = [(UUID(one["id"]), one["version"]) for one in articles]
    texts, times = texts_of(connection, versions), times_of(connection, versions)
    return [
        Entry(article=one, text=texts[version], told_at=times[version])
        for one, version in zip(articles, versions, strict=True)
    ]


def title_of(only: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return what a feed is called: its topic's name, then its other filters."""
    told = ", ".join(_in_words(name, value, names) for name, value in only.items() if value is not None)
    return f"{NAME}: {told}" if told else NAME


def _in_words(name: str, value: Any, names: Mapping[str, str]) -> str:
    if name == "min_probability":
        return f"{value:g} or more"
    return str(names.get(value, value) if name == "topic" else value)


def validators(body: bytes, updated: datetime | None, now: datetime) -> dict[str, str]:
    """Return the headers by which a reader asks again.

    The tag is weak, for the body may be sent with gzip or without. A feed that changed just now may still get an entry
    of an earlier moment: so long it tells a time before that, which no later question can match (`is_known`).
    """
    headers = {
        "etag": f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
        "cache-control": f"private, max-age={CACHED_S}",
    }
    if updated is not None:
        told = min(_full_second(updated), now - timedelta(seconds=SETTLED_S))
        headers["last-modified"] = format_datetime(told.astimezone(UTC), usegmt=True)
    return headers


def is_known(asked: Mapping[str, str], headers: Mapping[str, str], updated: datetime) -> bool:
    """Return whether the reader has this feed already (RFC 9110, section 13.2.2: the tag alone when one is given)."""
    if "if-none-match" in asked:
        tags = {tag.strip().removeprefix("W/") for tag in asked["if-none-match"].split(",")}
        return bool(tags & {"*", headers["etag"].removeprefix("W/")})
    try:
        since = parsedate_to_datetime(asked.get("if-modified-since", ""))
    except ValueError:
        return False  # a date that is none is ignored (section 13.1.3)
    return since.tzinfo is not None and "last-modified" in headers and since >= _full_second(updated)


def _full_second(moment: datetime) -> datetime:
    """Return the next full second: dates of HTTP have no parts of one."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)
