"""Today's extractor over stored pages, on several helper processes at once, beside what readers have."""

import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from queue import SimpleQueue
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from workers.cli.again import in_order
from workers.domain.outcomes import Advanced, Dropped, Outcome
from workers.domain.values import Article
from workers.extract.contained import Contained
from workers.store.articles import is_new_version
from workers.store.ledger import Ledger, is_refusal
from workers.store.reextract import Stored, extract_again, read_stored, write_new_version


class Verdict(StrEnum):
    """What today's extractor makes of a stored page, beside what it made before."""

    SAME = "same"
    FACTS = "other facts"
    CHANGED = "other text"
    SUMMARY = "no text now"
    NO_ARTICLE = "no article now"
    FOUND = "an article now"
    STILL_NONE = "still no article"
    GONE = "page gone"
    FAILED = "failed"
    BUSY = "busy"


#: What is applied.
CHANGES = frozenset({Verdict.CHANGED, Verdict.FOUND})


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What came of one entry. The articles are there only when there is something to apply."""

    id: UUID
    url: str
    verdict: Verdict
    detail: str = ""
    before: Article | None = None
    after: Article | None = None


def look_again(ledger: Ledger, batches: Iterable[Sequence[UUID]], *, jobs: int, apply: bool = False) -> Generator[Look]:
    """Extract stored pages on `jobs` helper processes; give what came of each, in order.

    Memory holds a few batches, however many there are. `apply`: write down what changed, each entry by itself.
    Raises Unavailable when no helper process can be started.
    """
    ended = threading.Event()
    readers: SimpleQueue[Contained] = SimpleQueue()

    def work(ids: Sequence[UUID]) -> list[Look]:
        if ended.is_set():
            return []
        reader = readers.get()
        try:
            found = (_look(stored, reader) for stored in read_stored(ledger.engine, ids) if not ended.is_set())
            return [_applied(ledger, one, look) if apply else look for one, look in found]
        finally:
            readers.put(reader)

    with ExitStack() as stack:
        for _ in range(jobs):
            readers.put(stack.enter_context(Contained()))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(ended.set)  # comes first: whoever stops listening waits for one page a thread, not for a batch
        yield from in_order(lambda ids: pool.submit(work, ids), batches, ahead=2 * jobs)


def _look(stored: Stored, reader: Contained) -> tuple[Stored, Look]:
    one = stored.entry
    if stored.page is None:
        return stored, Look(id=one.id, url=one.url, verdict=Verdict.GONE)
    outcome = reader.extract(one, stored.page)
    verdict = compare(stored.article, outcome)
    look = Look(id=one.id, url=one.url, verdict=verdict, detail=getattr(outcome, "detail", ""))
    if verdict in CHANGES and isinstance(outcome, Advanced):
        look = replace(look, before=stored.article, after=outcome.value)
    return stored, look


def compare(before: Article | None, outcome: Outcome[Article]) -> Verdict:
    """Return what an extraction means beside the article that readers have; None: the page was dropped.

    Unlike a revisit, which the outlet's edits concern, this goes by the whole text: a block that was learned or
    forgotten since is a change that the operator asks for, and the article's `extractor` names it.
    """
    match outcome:
        case Advanced(made):
            if before is None:
                return Verdict.FOUND
            if is_new_version(made, before):
                return Verdict.CHANGED
            if made.text != before.text:
                return Verdict.SUMMARY
            return Verdict.SAME if replace(made, extractor=before.extractor) == before else Verdict.FACTS
        case Dropped():
            return Verdict.STILL_NONE if before is None else Verdict.NO_ARTICLE
        case _:
            return Verdict.FAILED


def _applied(ledger: Ledger, stored: Stored, look: Look) -> Look:
    """Write a change down; say so when that cannot be."""
    try:
        if look.verdict is Verdict.CHANGED and look.after is not None:
            done = write_new_version(ledger, stored.entry, look.after)
        elif look.verdict is Verdict.FOUND:
            done = extract_again(ledger, stored.entry)
        else:
            return look
    except (DBAPIError, UnicodeEncodeError) as error:
        if not is_refusal(error):
            raise
        return replace(look, verdict=Verdict.FAILED, detail=f"the database refuses it: {error}")
    return look if done else replace(look, verdict=Verdict.BUSY)
