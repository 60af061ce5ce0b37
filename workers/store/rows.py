"""Rows of the ledger as values of the path, and back. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row, cast, func
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.engine import RowMapping

from workers.domain.outcomes import Hop
from workers.domain.urls import ascii_host
from workers.domain.values import Entry, ExtractRules, FeedEntry, Seen, Source
from workers.store.schema import source
from workers.store.text import index_key, storable

#: A source's facts have the same names as their columns.
SOURCE_FIELDS = tuple(Source.__dataclass_fields__)


def source_to_row(one: Source) -> dict[str, Any]:
    """Return a source's facts as its row keeps them."""
    row = {name: getattr(one, name) for name in SOURCE_FIELDS}
    return row | {"extract": {field: list(given) for field, given in asdict(one.extract).items() if given}}


def source_of(row: RowMapping | Mapping[str, Any]) -> Source:
    """Return the source whose facts `source_to_row` wrote."""
    rules = ExtractRules(**{field: tuple(given) for field, given in row["extract"].items()})
    return Source(**{name: row[name] for name in SOURCE_FIELDS} | {"extract": rules})


def source_columns() -> list[Any]:
    """Return the columns of an entry's source, each under `source_<name>`, and what `Entry.repeated` is read from."""
    facts = [source.c[name].label(f"source_{name}") for name in SOURCE_FIELDS if name != "id"]
    hashes = func.jsonb_path_query_array(source.c.repeats, cast("$[*].hash", JSONPATH), type_=JSONB)
    return [*facts, hashes.label("repeated")]


def entry_of(row: Row[Any]) -> Entry:
    """Return the entry of a row with its `source_columns`."""
    return Entry(
        id=row.id,
        source=source_of({name: getattr(row, f"source_{name}") for name in SOURCE_FIELDS}),
        url=row.url,
        feed=feed_entry_from_json(row.feed),
        discovered_at=row.discovered_at,
        attempt=row.attempt,
        failures=row.failures,
        not_found=row.not_found,
        hops=hops_from_json(row.hops),
        version=row.version,
        seen=_seen(row) if row.version else None,
        repeated=frozenset(row.repeated),
    )


def _seen(row: Row[Any]) -> Seen:
    fetched = row.fetched or {}
    return Seen(body_sha=row.page_sha, etag=fetched.get("etag"), last_modified=fetched.get("last_modified"))


def hops_to_json(hops: Iterable[Hop]) -> list[list[Any]]:
    """Return the JSON form of redirects, as the ledger keeps it."""
    return [[one.status, storable(one.url)] for one in hops]


def hops_from_json(data: Iterable[Any]) -> tuple[Hop, ...]:
    """Return the redirects that `hops_to_json` wrote."""
    return tuple(Hop(status, url) for status, url in data)


def host_of(url: str) -> str:
    """Return the name under which a URL's host is known to those that wait for their turn."""
    try:
        host = urlsplit(url).hostname
        return index_key(ascii_host(host)) if host else ""
    except ValueError:
        return ""


def feed_entry_to_json(one: FeedEntry) -> dict[str, Any]:
    """Return the JSON form of a feed entry, as the ledger keeps it: storable, whatever the feed held."""
    return {
        "key": storable(one.key),
        "url": storable(one.url),
        "title": storable(one.title),
        "summary": storable(one.summary),
        "published": one.published.isoformat() if one.published else None,
        "updated": one.updated.isoformat() if one.updated else None,
        "authors": [storable(name) for name in one.authors],
    }


def feed_entry_from_json(data: dict[str, Any]) -> FeedEntry:
    """Return the feed entry that `feed_entry_to_json` wrote."""
    return replace(
        FeedEntry(key=data["key"], url=data["url"], title=data["title"], summary=data["summary"]),
        published=datetime.fromisoformat(data["published"]) if data["published"] else None,
        updated=datetime.fromisoformat(data["updated"]) if data["updated"] else None,
        authors=tuple(data["authors"]),
    )
