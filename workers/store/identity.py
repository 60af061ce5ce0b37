"""Which URLs are the same article: an entry's own key, and those that a redirect or a rel=canonical added."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection, and_, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import insert

from workers.domain.outcomes import Dropped, DropReason, State
from workers.domain.urls import CANON_VERSION, canonical_url, older_keys
from workers.store.schema import alias, entry
from workers.store.text import storable


def key_of(form: str) -> str:
    """Return the key of a canonical form: its SHA-256 in hex."""
    return sha256(storable(form).encode()).hexdigest()


def url_key(url: str) -> str:
    """Return the identity of a URL."""
    return key_of(canonical_url(url))


def known_entries(connection: Connection, urls: Iterable[str]) -> dict[str, UUID]:
    """Return the entry of each of these URLs that has one, by its key of today.

    An entry that an older rule made is found under that rule's key.
    """
    keys = {url_key(url): {version: key_of(form) for version, form in older_keys(url).items()} for url in urls}
    versions = {version for older in keys.values() for version in older}
    own = select(entry.c.url_key, entry.c.id, entry.c.canon_version).where(
        or_(
            and_(entry.c.url_key.in_(list(keys)), entry.c.canon_version == CANON_VERSION),
            *(
                and_(
                    entry.c.url_key.in_([older[version] for older in keys.values() if version in older]),
                    entry.c.canon_version == version,
                )
                for version in sorted(versions)
            ),
        )
    )
    others = select(alias.c.url_key, alias.c.entry_id, literal(CANON_VERSION)).where(
        alias.c.url_key.in_(list(keys)), alias.c.canon_version == CANON_VERSION
    )
    found = {(row[2], row[0]): row[1] for row in connection.execute(union_all(own, others))}
    known = {}
    for key, older in keys.items():
        for version_key in ((CANON_VERSION, key), *older.items()):
            if version_key in found:
                known[key] = found[version_key]
                break
    return known


def take_identities(
    connection: Connection, claims: Sequence[tuple[UUID, str, str]], *, via: str
) -> dict[UUID, Dropped]:
    """Give entries one more identity each; return those whose URL is another entry's, as what that means for them.

    `claims`: (entry, its own URL, the URL that it turned out to have). An identity that stands for an entry which ended
    without an article is free again.
    """
    wanted = {one: url_key(url) for one, own, url in claims if url_key(url) != url_key(own)}
    if not wanted:
        return {}
    alive = entry.c.state.not_in([State.DROPPED, State.QUARANTINED])
    own_keys = select(entry.c.url_key, entry.c.id).where(
        entry.c.url_key.in_(list(wanted.values())), entry.c.canon_version == CANON_VERSION, alive
    )
    owner = {row.url_key: row.id for row in connection.execute(own_keys)}
    new = insert(alias)
    free = [
        {"url_key": key, "entry_id": one, "canon_version": CANON_VERSION, "via": via}
        for one, key in sorted(wanted.items(), key=lambda pair: (pair[1], pair[0]))
        if key not in owner
    ]
    if free:
        ended = ~select(entry.c.id).where(entry.c.id == alias.c.entry_id, alive).exists()
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["url_key"],
                set_={name: new.excluded[name] for name in ("entry_id", "canon_version", "via")},
                where=ended,
            ),
            free,
        )
        taken = select(alias.c.url_key, alias.c.entry_id).where(alias.c.url_key.in_([row["url_key"] for row in free]))
        owner |= {row.url_key: row.entry_id for row in connection.execute(taken)}
    return {
        one: Dropped(DropReason.SAME_URL, f"{via} to entry {owner[key]}", same_as=owner[key])
        for one, key in wanted.items()
        if owner[key] != one
    }
