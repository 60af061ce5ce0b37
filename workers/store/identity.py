"""Which URLs are the same article: an entry's own key, and those that a redirect or a rel=canonical added."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Uuid, and_, literal, literal_column, or_, select, true, union_all
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
    return _owners(connection, urls, true())


def _owners(connection: Connection, urls: Iterable[str], which: ColumnElement[bool]) -> dict[str, UUID]:
    """Return whose each URL's key of today is, among entries `which`; an alias comes before an entry's own key."""
    keys = _keys_by_version(urls)
    own = select(entry.c.canon_version, entry.c.url_key, entry.c.id, literal(1).label("place"))
    aliases = select(alias.c.canon_version, alias.c.url_key, alias.c.entry_id, literal(2)).join(
        entry, entry.c.id == alias.c.entry_id
    )
    query = union_all(
        own.where(_was_made_for(keys), which),
        aliases.where(alias.c.url_key.in_(list(keys)), alias.c.canon_version == CANON_VERSION, which),
    ).order_by("place")
    found = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    known = {}
    for key, older in keys.items():
        for version_key in ((CANON_VERSION, key), *older.items()):
            if version_key in found:
                known[key] = found[version_key]
                break
    return known


def _keys_by_version(urls: Iterable[str]) -> dict[str, dict[int, str]]:
    """Return each URL's key of today, with its keys by earlier rules: version -> key."""
    return {url_key(url): {version: key_of(form) for version, form in older_keys(url).items()} for url in urls}


def _was_made_for(keys: Mapping[str, Mapping[int, str]]) -> ColumnElement[bool]:
    """Return the condition that an entry has one of these keys as its own, by the rule of its time."""
    by_version = {CANON_VERSION: list(keys)}
    for older in keys.values():
        for version, key in older.items():
            by_version.setdefault(version, []).append(key)
    return or_(
        *(
            and_(entry.c.url_key.in_(those), entry.c.canon_version == version)
            for version, those in sorted(by_version.items())
        )
    )


def take_identities(
    connection: Connection, claims: Sequence[tuple[UUID, str, str]], *, via: str
) -> dict[UUID, Dropped]:
    """Give entries one more identity each; return those whose URL is another entry's, as what that means for them.

    `claims`: (entry, its own URL, the URL that it turned out to have). An identity that stands for an entry which ended
    without an article, here or before, is free again: of two that name each other one stays.
    """
    wanted = {one: url for one, own, url in claims if url_key(url) != url_key(own)}
    if not wanted:
        return {}
    owner = _owners(connection, wanted.values(), _is_alive())
    same: dict[UUID, UUID] = {}
    free: dict[UUID, str] = {}
    for key, one in sorted((url_key(url), one) for one, url in wanted.items()):  # aliases are locked in this order
        if key not in owner or _last(same, owner[key]) == one:
            free[one] = key
        else:
            same[one] = owner[key]
    taken = _take_aliases(connection, free, via)
    for one, key in free.items():
        if _last(same, taken[key]) != one:
            same[one] = taken[key]
    stays = {one: _last(same, other) for one, other in same.items()}
    return {one: Dropped(DropReason.SAME_URL, f"{via} to entry {last}", same_as=last) for one, last in stays.items()}


def _last(same: Mapping[UUID, UUID], one: UUID) -> UUID:
    """Return the entry that stays: what one is the same as may itself be the same as a third."""
    while one in same:
        one = same[one]
    return one


def _take_aliases(connection: Connection, wanted: Mapping[UUID, str], via: str) -> dict[str, UUID]:
    """Return whose alias each of these keys is, after those that are free were taken."""
    if not wanted:
        return {}
    new = insert(alias)
    # the row that is in the way; by its name, since a subquery would list the table anew
    its_entry = entry.c.id == literal_column("alias.entry_id", Uuid)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["url_key"],
            set_={name: new.excluded[name] for name in ("entry_id", "canon_version", "via")},
            where=~select(entry.c.id).where(its_entry, _is_alive()).exists(),
        ),
        [{"url_key": key, "entry_id": one, "canon_version": CANON_VERSION, "via": via} for one, key in wanted.items()],
    )
    taken = select(alias.c.url_key, alias.c.entry_id).where(alias.c.url_key.in_(list(wanted.values())))
    return {row.url_key: row.entry_id for row in connection.execute(taken)}


def _is_alive() -> ColumnElement[bool]:
    return and_(entry.c.state != State.DROPPED.value, entry.c.state != State.QUARANTINED.value)
