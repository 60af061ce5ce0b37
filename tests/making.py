"""Values and rows that tests of the store and the deliver room begin with."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, text, update

from workers.domain.outcomes import Advanced, FeedOutcome, State
from workers.domain.values import Article, Classification, Entry, Evidence, FeedEntry, Flag, Page, Source, TextSpan
from workers.store.articles import Classified, write_articles, write_classified
from workers.store.ledger import Claim, Ledger
from workers.store.pages import write_pages
from workers.store.polls import Document, PollResult, Recorded, Schedule
from workers.store.schema import change, entry
from workers.store.sources import SourceLedger

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
NEXT = {State.DISCOVERED: State.FETCHED, State.FETCHED: State.EXTRACTED, State.EXTRACTED: State.CLASSIFIED}


def make_source(name: str = "agency", /, **facts: Any) -> Source:
    """Return a source of a made-up agency."""
    given: dict[str, Any] = {
        "id": name,
        "name": f"The {name}",
        "url": f"https://{name}.example/rss",
        "language": "en",
        "country": "GB",
        "owner": "Example Trust",
        "state_owned": False,
    }
    return Source(**given | facts)


def make_feed_entry(name: str | int = 0, **facts: Any) -> FeedEntry:
    """Return what a feed says of one link."""
    given: dict[str, Any] = {
        "key": f"key-{name}",
        "url": f"https://agency.example/news/{name}",
        "title": f"Title {name}",
        "published": MOMENT,
    }
    return FeedEntry(**given | facts)


def make_page(body: bytes = b"<html>page</html>", **facts: Any) -> Page:
    """Return a fetched page."""
    given: dict[str, Any] = {
        "url": "https://agency.example/news/final",
        "status": 200,
        "content_type": "text/html",
        "charset": "utf-8",
        "body": body,
        "fetched_at": MOMENT,
    }
    return Page(**given | facts)


def make_article(name: str | int = 0, **facts: Any) -> Article:
    """Return clean text."""
    given: dict[str, Any] = {
        "title": f"گفت‌وگو · Überblick · 边境 {name}",
        "text": f"Border guards met.\nNumber {name}.",
        "language": "en",
        "language_confidence": 0.98,
        "url": f"https://agency.example/news/{name}",
        "authors": ("A. Writer",),
        "published": MOMENT,
        "published_from": "feed",
        "extractor": "test 1",
    }
    return Article(**given | facts)


def make_flag(topic: str = "border-cooperation", **facts: Any) -> Flag:
    """Return a flag that was raised by the first word of a text."""
    given: dict[str, Any] = {
        "topic": topic,
        "probability": 0.91,
        "flagged": True,
        "evidence": (Evidence(field="text", start=0, end=6, text="Border", rule="border*", weight=4.5),),
        "sentence": TextSpan(field="text", start=0, end=18, text="Border guards met."),
        "pack_version": "1",
    }
    given["band"] = "flagged" if facts.get("flagged", True) else "not flagged"
    return Flag(**given | facts)


def make_classified(name: str | int = 0, *flags: Flag, fingerprint: str | None = None, **facts: Any) -> Classified:
    """Return what the last step hands over; each name is a story of its own unless a fingerprint is given."""
    return Classified(
        make_article(name, **facts),
        fingerprint or f"print-{name}",
        Classification(flags=flags or (make_flag(),), model="test 1"),
    )


def make_ledger(engine: Engine, *, lease_s: float = 90, hint_lag_s: float = 30, **given: Any) -> Ledger:
    """Return a ledger with the product's own times; without later looks, and hosts do not matter, unless asked."""
    return Ledger(engine, lease_s=lease_s, hint_lag_s=hint_lag_s, **given)


def make_source_ledger(engine: Engine, *, per_host: int | None = None, ahead_s: float = 0) -> SourceLedger:
    """Return a ledger of sources; pages of one host need not wait for one another unless asked."""
    return SourceLedger(engine, lease_s=90, hint_lag_s=30, per_host=per_host, ahead_s=ahead_s)


def poll_result(*entries: FeedEntry, outcome: FeedOutcome | None = FeedOutcome.OK, **facts: Any) -> PollResult:
    """Return how a poll ended that found these entries; the source may be asked again at once."""
    wait_s = facts.pop("wait_s", 0)
    known = {name: facts.pop(name) for name in ("etag", "last_modified", "body_sha") if name in facts}
    if known:
        facts["document"] = Document(**known)
    given: dict[str, Any] = {"schedule": lambda _new: Schedule(wait_s=wait_s), "was_read": True, "entries": entries}
    return PollResult(outcome=outcome, **given | facts)


def record(sources: SourceLedger, source: str, result: PollResult) -> Recorded:
    """Claim a watched source and record how its poll ended."""
    (due,) = sources.claim([source])
    return sources.record(due, result)


def discover(engine: Engine, count: int = 1, *, source: str = "agency", first: int = 0, **facts: Any) -> list[UUID]:
    """Watch a source, let a poll find `count` new links, and return their ids in the order of the feed."""
    sources = make_source_ledger(engine)
    sources.sync([make_source(source, **facts)])
    links = [make_feed_entry(number) for number in range(first, first + count)]
    assert record(sources, source, poll_result(*links)).new == count
    with engine.connect() as connection:
        found = {row.url: row.id for row in connection.execute(select(entry.c.url, entry.c.id))}
    return [found[one.url] for one in links]


def advance(engine: Engine, ids: list[UUID], state: State, made: list[Any] | None = None) -> list[UUID]:
    """Complete one step for entries that stand in `state`; `made` are its values, one for each of `ids`."""
    ledger = make_ledger(engine)
    claim = ledger.claim(ids, state)
    by_id = dict(zip(ids, made, strict=True)) if made else {}
    values = {one.id: by_id.get(one.id) or _value(state, one) for one in claim.entries}
    return settle_advanced(ledger, claim, values)


def settle_advanced(ledger: Ledger, claim: Claim, values: dict[UUID, Any] | None = None) -> list[UUID]:
    """Settle every entry of a claim as advanced, with the values of its step, and return the ids that went on."""
    writer = {State.DISCOVERED: write_pages, State.FETCHED: write_articles, State.EXTRACTED: write_classified}
    endings = [(one, Advanced((values or {}).get(one.id) or _value(claim.state, one))) for one in claim.entries]
    return ledger.settle(claim, endings, to=NEXT[claim.state], write=writer[claim.state]).advanced


def _value(state: State, one: Entry) -> Any:
    name = one.url.rsplit("/", 1)[-1]
    if state is State.DISCOVERED:
        return make_page(f"<html>{name}</html>".encode())
    return make_article(name) if state is State.FETCHED else make_classified(name)


def bring(engine: Engine, ids: list[UUID], state: State, made: list[Any] | None = None) -> list[UUID]:
    """Bring discovered entries to `state`; `made` are the values of the last step."""
    steps = [State.DISCOVERED, State.FETCHED, State.EXTRACTED]
    for step in steps[: [*steps, State.CLASSIFIED].index(state)]:
        values = made if NEXT[step] is state else None
        if made and step is State.FETCHED and state is State.CLASSIFIED:
            values = [value.article for value in made]
        assert len(advance(engine, ids, step, values)) == len(ids)
    return ids


def row_of(engine: Engine, entry_id: UUID) -> Any:
    """Return an entry's row, with the database's clock as `now`."""
    with engine.connect() as connection:
        query = text("SELECT *, now() AS now FROM entry WHERE id = :id")
        return connection.execute(query, {"id": entry_id}).one()


def set_entry(engine: Engine, entry_id: UUID, **columns: Any) -> None:
    """Change columns of an entry behind the ledger's back, e.g. to let time pass."""
    with engine.begin() as connection:
        connection.execute(update(entry).where(entry.c.id == entry_id).values(**columns))


def run_sql(engine: Engine, statement: str, **values: Any) -> None:
    """Run one statement in a transaction of its own."""
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def expire_leases(engine: Engine) -> None:
    """Let every lease run out, as if its holder had died long ago."""
    run_sql(
        engine, "UPDATE entry SET lease_until = now() - interval '1 s', due_at = now() WHERE lease_token IS NOT NULL"
    )


def let_wait_pass(engine: Engine) -> None:
    """Let every back-off and hint lag be over."""
    run_sql(engine, "UPDATE entry SET not_before = now(), due_at = now() WHERE lease_token IS NULL")


def count_of(engine: Engine, table: str) -> int:
    """Return the number of rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def created_changes(engine: Engine) -> list[Any]:
    """Return the rows of the change log in the order of writing."""
    with engine.connect() as connection:
        return list(connection.execute(select(change).order_by(change.c.id)).all())
