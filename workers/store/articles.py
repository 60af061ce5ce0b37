"""Articles, their flags and the change that tells of them: one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.domain.outcomes import Dropped
from workers.domain.sites import accepted_canonical
from workers.domain.values import (
    Article,
    Classification,
    CountryPair,
    Entry,
    Evidence,
    Flag,
    NamedCountry,
    NamedOrganisation,
    TextSpan,
)
from workers.store.identity import take_identities
from workers.store.ledger import Claim
from workers.store.schema import article, change, entry, flag, story


@dataclass(frozen=True, slots=True)
class Classified:
    """What the last step hands over: the article again, its fingerprint and its flags."""

    article: Article
    fingerprint: str
    classification: Classification


def write_articles(connection: Connection, made: Sequence[tuple[Entry, Article]]) -> dict[UUID, Dropped]:
    """Store the clean text of entries that were extracted. Nobody downstream sees it before it is classified.

    Returns the entries whose page names the URL of another entry as its canonical one: they end here.
    """
    claims = [
        (one.id, one.url, canonical)
        for one, value in made
        if not one.version
        and value.canonical_url
        and (canonical := accepted_canonical(value.url, value.canonical_url)) is not None
    ]
    same = take_identities(connection, claims, via="canonical")
    rows = [
        {"entry_id": one.id, "version": one.version + 1}
        | {name: _to_column(getattr(value, name)) for name in Article.__dataclass_fields__}
        for one, value in made
        if one.id not in same
    ]
    if rows:
        new = insert(article)
        again = new.on_conflict_do_update(
            index_elements=["entry_id", "version"],
            set_={name: new.excluded[name] for name in rows[0] if name not in {"entry_id", "version"}}
            | {"extracted_at": func.now()},
        )
        connection.execute(again, rows)
    return same


def articles_of(engine: Engine, claim: Claim) -> list[tuple[Entry, Article]]:
    """Return each claimed entry with the clean text that is to be classified."""
    return _articles(engine, claim, entry.c.version + 1)


def published_of(engine: Engine, claim: Claim) -> dict[UUID, Article]:
    """Return the article that readers have of each claimed entry, where there is one."""
    if not any(one.version for one in claim.entries):
        return {}
    return {one.id: value for one, value in _articles(engine, claim, entry.c.version + 0)}


def _articles(engine: Engine, claim: Claim, version: ColumnElement[int]) -> list[tuple[Entry, Article]]:
    entries = {one.id: one for one in claim.entries}
    columns = [article.c[name] for name in ("entry_id", *Article.__dataclass_fields__)]
    query = (
        select(*columns)
        .join(entry, and_(entry.c.id == article.c.entry_id, article.c.version == version))
        .where(entry.c.id.in_(list(entries)))
    )
    with engine.connect() as connection:
        return [(entries[row["entry_id"]], _article(row)) for row in connection.execute(query).mappings()]


def _article(row: Any) -> Article:
    return Article(**{name: _from_column(row[name]) for name in Article.__dataclass_fields__})


def _to_column(fact: Any) -> Any:
    return list(fact) if isinstance(fact, tuple) else fact


def _from_column(fact: Any) -> Any:
    return tuple(fact) if isinstance(fact, list) else fact


def is_new_version(made: Article, published: Article) -> bool:
    """Return whether readers are told of an article that was made anew.

    Text that they have already is no new version, however much of the page around it changed; nor is a feed's summary
    of what they have in full.
    """
    if made.quality == "summary" and published.quality == "full":
        return False
    return (made.title, made.text) != (published.title, published.text)


def write_classified(connection: Connection, made: Sequence[tuple[Entry, Classified]]) -> dict[UUID, Dropped]:
    """Publish: flags, the link to an earlier twin, and exactly one change for each version of an article."""
    firsts = _first_of_each_story(connection, made)
    flagged = _flagged_before(connection, [one.id for one, _ in made if one.version])
    told = {one.id: snapshot(one, value, firsts[value.fingerprint]) for one, value in made}
    flags = [row for one, _ in made for row in flag_rows(one.id, one.version + 1, told[one.id]["flags"])]
    if flags:
        connection.execute(insert(flag).on_conflict_do_nothing(), flags)
    connection.execute(
        insert(change).on_conflict_do_nothing(index_elements=["entry_id", "version", "revision"]),
        [
            {
                "event_id": uuid_utils.compat.uuid7(),
                "entry_id": one.id,
                "version": one.version + 1,
                "type": "updated" if one.version else "created",
                "payload": told[one.id],
                "unflagged": sorted(flagged.get(one.id, set()) - flagged_in(told[one.id])),
            }
            for one, _ in made
        ],
    )
    ids = [one.id for one, _ in made]
    connection.execute(update(entry).where(entry.c.id.in_(ids)).values(version=entry.c.version + 1, revision=0))
    return {}


def flag_rows(one: UUID, version: int, flags: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return flags of an article's version, as `flag_json` tells them, as their table keeps them."""
    return [{"entry_id": one, "version": version, **mark} for mark in flags]


def flagged_in(told: Mapping[str, Any]) -> set[str]:
    """Return the topics that an article is flagged with, as a change tells it."""
    return {mark["topic"] for mark in told["flags"] if mark["flagged"]}


def _flagged_before(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Return the topics that readers have of these entries."""
    if not ids:
        return {}
    last = and_(flag.c.entry_id == entry.c.id, flag.c.version == entry.c.version)
    query = select(flag.c.entry_id, flag.c.topic).join(entry, last).where(entry.c.id.in_(ids), flag.c.flagged)
    found: dict[UUID, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.entry_id, set()).add(row.topic)
    return found


def _first_of_each_story(connection: Connection, made: Sequence[tuple[Entry, Classified]]) -> dict[str, UUID]:
    """Return who had each text first: whoever inserts the fingerprint, however many try at once."""
    by_text: dict[str, UUID] = {}
    for one, value in sorted(made, key=lambda pair: pair[0].id):
        by_text.setdefault(value.fingerprint, one.id)
    rows = [{"fingerprint": text, "entry_id": owner} for text, owner in sorted(by_text.items())]
    connection.execute(insert(story).on_conflict_do_nothing(), rows)
    return {
        row.fingerprint: row.entry_id
        for row in connection.execute(select(story).where(story.c.fingerprint.in_(list(by_text))))
    }


def snapshot(one: Entry, value: Classified, first: UUID) -> dict[str, Any]:
    """Return the article as downstream reads it (without its text, which is kept once, by id and version)."""
    return {
        "id": str(one.id),
        "version": one.version + 1,
        **article_json(value.article),
        "discovered": iso(one.discovered_at),
        "source": {
            "id": one.source.id,
            "name": one.source.name,
            "language": one.source.language,
            "country": one.source.country,
            "owner": one.source.owner,
            "state_owned": one.source.state_owned,
        },
        "story": str(first),
        "duplicate_of": None if first == one.id else str(first),
        **classification_json(value.classification),
    }


def article_json(facts: Article) -> dict[str, Any]:
    """Return what is known of an article beside its text. The same shape everywhere: change log, API, `extract`."""
    return {
        "url": facts.url,
        "canonical_url": facts.canonical_url,
        "title": facts.title,
        "language": facts.language,
        "language_confidence": round(facts.language_confidence, 3),
        "page_language": facts.page_language,
        "authors": list(facts.authors),
        "section": facts.section or None,
        "published": iso(facts.published),
        "published_from": facts.published_from,
        "updated": iso(facts.updated),
        "updated_from": facts.updated_from,
        "dateline": _dateline(facts),
        "wire_credit": facts.wire_credit or None,
        "image": facts.image,
        "is_paywalled": facts.is_paywalled,
        "quality": facts.quality,
        "extractor": facts.extractor,
        "extraction": {"rung": facts.rung, "why": facts.rung_why},
    }


def _dateline(facts: Article) -> dict[str, str | None] | None:
    place, agency = facts.dateline_place or None, facts.dateline_agency or None
    return {"place": place, "agency": agency} if place or agency else None


def classification_json(found: Classification) -> dict[str, Any]:
    """Return what the classifier says of an article: this is what a `reclassified` change replaces."""
    return {
        "model": found.model,
        "flags": [flag_json(mark, found.model) for mark in found.flags],
        **names_json(found),
    }


def flag_json(mark: Flag, model: str) -> dict[str, Any]:
    """Return one flag as downstream reads it. The same shape everywhere: change log, API, `classify --jsonl`; and the
    same names as in its table."""
    return {
        "topic": mark.topic,
        "probability": round(mark.probability, 4),
        "flagged": mark.flagged,
        "band": mark.band,
        "evidence": [evidence_json(span) for span in mark.evidence],
        "sentence": span_json(mark.sentence) if mark.sentence else None,
        "pack_version": mark.pack_version,
        "model": model,
    }


def names_json(found: Classification) -> dict[str, Any]:
    """Return who and where as downstream reads it."""
    return {
        "countries": [{"code": one.code, "share": one.share, **_mentions(one)} for one in found.countries],
        "organisations": [{"id": one.id, **_mentions(one)} for one in found.organisations],
        "pairs": [{"countries": list(one.countries), **_mentions(one)} for one in found.pairs],
    }


def _mentions(one: NamedCountry | NamedOrganisation | CountryPair) -> dict[str, Any]:
    return {"count": one.count, "spans": [span_json(span) for span in one.spans]}


def evidence_json(span: Evidence) -> dict[str, Any]:
    """Return a piece of evidence as downstream reads it."""
    return span_json(span) | {"rule": span.rule, "weight": span.weight}


def span_json(span: TextSpan) -> dict[str, Any]:
    """Return a span of the article as downstream reads it. (`dataclasses.asdict` takes ten times as long.)"""
    return {"field": span.field, "start": span.start, "end": span.end, "text": span.text}


def iso(moment: datetime | None) -> str | None:
    """Return a moment as downstream reads it everywhere: ISO 8601 in UTC with a `Z`."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
