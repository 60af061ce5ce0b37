"""Stored pages for another look: which there are, what readers have of them, and the way back onto the path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, update

from workers.domain.outcomes import DropReason, State
from workers.domain.values import Article, Entry, Page
from workers.store.articles import published_of, write_articles
from workers.store.ledger import Claim, Ledger
from workers.store.pages import pages_of
from workers.store.rows import entry_of, source_columns
from workers.store.schema import entry, page, source
from workers.store.wanted import Wanted, among, count_entries, entry_ids

#: Why extraction drops a page: a better extractor may find an article there.
DROPPED_BY_EXTRACTION = (DropReason.NO_TEXT, DropReason.NOT_AN_ARTICLE, DropReason.NOT_HTML)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An entry that ended, as it is kept."""

    entry: Entry
    page: Page | None  # None: retention has taken it
    article: Article | None  # what readers have; None: it was dropped


def count_wanted(engine: Engine, wanted: Wanted) -> int:
    """Return how many entries will be looked at."""
    return count_entries(engine, _fits(wanted))


def wanted_ids(engine: Engine, wanted: Wanted, *, limit: int | None = None, size: int) -> Iterator[list[UUID]]:
    """Give the ids of those, oldest first, `size` at a time; `limit`: how many in all."""
    return entry_ids(engine, _fits(wanted), limit=limit, size=size)


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    """All that ended with an article, or that extraction dropped with the page kept.

    What is on its way meets the current extractor anyway.
    """
    dropped = and_(
        entry.c.state == State.DROPPED, entry.c.reason.in_(DROPPED_BY_EXTRACTION), entry.c.page_sha.is_not(None)
    )
    return and_(or_(entry.c.state == State.CLASSIFIED, dropped), among(wanted))


def read_stored(engine: Engine, ids: Sequence[UUID]) -> list[Stored]:
    """Return entries with their page and article, in the order of their ids."""
    query = select(*entry.c, *source_columns()).join(source, source.c.id == entry.c.source_id)
    with engine.connect() as connection:
        rows = connection.execute(query.where(entry.c.id.in_(ids)).order_by(entry.c.id)).all()
    # nobody's lease: these are only read, and what is written later asks whether they still stand so
    unleased = Claim(uuid4(), State.CLASSIFIED, tuple(map(entry_of, rows)), until=0)
    pages = {one.id: stored for one, stored in pages_of(engine, unleased)}
    articles = published_of(engine, unleased)
    return [Stored(entry=one, page=pages[one.id], article=articles.get(one.id)) for one in unleased.entries]


def write_new_version(ledger: Ledger, one: Entry, made: Article) -> bool:
    """Store the next version of a published article and send it to be classified, in one transaction.

    Return False, and write nothing, when the entry is no longer as it was read.
    """
    with ledger.engine.begin() as connection:
        if not ledger.send_again(connection, one, ended=State.CLASSIFIED, to=State.EXTRACTED):
            return False
        write_articles(connection, [(one, made)])
    return True


def extract_again(ledger: Ledger, one: Entry) -> bool:
    """Send a dropped entry to be extracted once more; return False when it is no longer as it was read."""
    its_page = select(entry.c.page_sha).where(entry.c.id == one.id).scalar_subquery()
    with ledger.engine.begin() as connection:
        # first the page, so that retention does not take it from under an entry that needs it again
        kept = connection.execute(update(page).where(page.c.sha == its_page).values(stored_at=func.now())).rowcount
        return bool(kept) and ledger.send_again(connection, one, ended=State.DROPPED, to=State.FETCHED)
