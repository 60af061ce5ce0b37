"""Raw pages by content hash, so that extraction and classification can be repeated without fetching."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy import Connection, Engine, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.domain.outcomes import Dropped, State
from workers.domain.sites import accepted_redirect
from workers.domain.values import Entry, Page
from workers.store.identity import take_identities
from workers.store.ledger import Claim
from workers.store.rows import hops_to_json, host_of
from workers.store.schema import IN_FLIGHT, entry, page

#: Level 3 is zstd's own default: news pages shrink about fivefold at several hundred MB/s.
ZSTD_LEVEL = 3


def write_pages(connection: Connection, made: Sequence[tuple[Entry, Page]]) -> dict[UUID, Dropped]:
    """Store the pages of entries that were fetched; the same body is stored once, and is as young as its last use.

    Returns the entries whose redirect led to the URL of another entry: they end here.
    """
    claims = [
        (one.id, one.url, value.url)
        for one, value in made
        if value.hops
        and not one.version
        and accepted_redirect(one.url, value.url, permanent=all(hop.is_permanent for hop in value.hops))
    ]
    same = take_identities(connection, claims, via="redirect")
    made = [(one, value) for one, value in made if one.id not in same]
    if not made:
        return same
    shas = {one.id: sha256(value.body).hexdigest() for one, value in made}
    bodies = {shas[one.id]: value.body for one, value in made}
    new = insert(page)
    pack = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    connection.execute(
        # an update, so that the row is locked: retention must not take away what this entry is about to point to
        new.on_conflict_do_update(index_elements=["sha"], set_={"stored_at": func.now()}),
        # sorted: two transactions that store the same pages take their locks in one order
        [{"sha": sha, "body": pack.compress(body), "size": len(body)} for sha, body in sorted(bodies.items())],
    )
    connection.execute(
        update(entry).where(entry.c.id == bindparam("which")),
        [
            {
                "which": one.id,
                "page_sha": shas[one.id],
                # a later look goes at once where it led for good
                "hops": hops_to_json(lasting := tuple(takewhile(lambda hop: hop.is_permanent, value.hops))),
                "host": host_of(lasting[-1].url if lasting else one.url),
                "fetched": {
                    "url": value.url,
                    "status": value.status,
                    "content_type": value.content_type,
                    "charset": value.charset,
                    "at": value.fetched_at.isoformat(),
                    "etag": value.etag,
                    "last_modified": value.last_modified,
                },
            }
            for one, value in made
        ],
    )
    return same


def pages_of(engine: Engine, claim: Claim) -> list[tuple[Entry, Page | None]]:
    """Return each claimed entry with its page; None where retention has removed the body."""
    entries = {one.id: one for one in claim.entries}
    query = (
        select(entry.c.id, entry.c.fetched, page.c.body, page.c.size)
        .outerjoin(page, entry.c.page_sha == page.c.sha)
        .where(entry.c.id.in_(list(entries)))
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [(entries[row.id], _page(row.fetched, row.body, row.size)) for row in rows]


def _page(fetched: dict[str, Any], body: bytes | None, size: int) -> Page | None:
    if body is None:
        return None
    return Page(
        url=fetched["url"],
        status=fetched["status"],
        content_type=fetched["content_type"],
        charset=fetched["charset"],
        body=zstandard.ZstdDecompressor().decompress(body, max_output_size=size),
        fetched_at=datetime.fromisoformat(fetched["at"]),
        etag=fetched.get("etag"),
        last_modified=fetched.get("last_modified"),
    )


def forget_old_pages(engine: Engine, *, days: int, limit: int = 1_000) -> int:
    """Delete all pages not used for `days`, `limit` in a transaction; return how many.

    Entries in flight keep theirs, and so do those in quarantine, which wait for a person.
    """
    in_use = exists().where(entry.c.page_sha == page.c.sha, entry.c.state.in_([*IN_FLIGHT, State.QUARANTINED]))
    old = (
        select(page.c.sha)
        .where(page.c.stored_at < func.now() - timedelta(days=days), ~in_use)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    forgotten = 0
    while True:
        with engine.begin() as connection:
            count = connection.execute(delete(page).where(page.c.sha == old.c.sha)).rowcount
        forgotten += count
        if count < limit:
            return forgotten
