"""What `wirewatch sources check` tells of a source's pages: how its rules read them, and which blocks repeat."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from config.settings import Settings
from workers.addresses import located
from workers.bootstrap import Steps
from workers.cli.asking import Look
from workers.domain.outcomes import Advanced, Outcome
from workers.domain.values import Article, Entry, ExtractRules, Page, RepeatedBlock, RuleTried
from workers.extract.contained import Contained, Exploded, short_ending

#: Pages that are read of one source: enough to see a rule work, few enough to wait for.
MOST_PAGES = 3
#: Characters of a text that are shown.
_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRead:
    """How one page was read."""

    url: str
    article: Article | None = None
    ending: str = ""  # why there is no article
    tried: tuple[RuleTried, ...] = ()


def repeats_in_store(settings: Settings, source_id: str) -> tuple[RepeatedBlock, ...] | None:
    """Return what a running system has learned of a source; None when none runs, which is no trouble here."""
    from workers.store.repeats import repeats_of

    try:
        return repeats_of(Steps(located(settings)).engine, source_id)
    except OperationalError:
        return None


def read_pages(
    fetched: Iterable[tuple[Entry, Outcome[Page]]], repeats: Sequence[RepeatedBlock]
) -> tuple[PageRead, ...]:
    """Extract fetched pages as the system would, contained."""
    repeated = frozenset(one.hash for one in repeats)
    with Contained() as reader:
        return tuple(_read(reader, replace(entry, repeated=repeated), fetch) for entry, fetch in fetched)


def _read(reader: Contained, entry: Entry, fetched: Outcome[Page]) -> PageRead:
    if not isinstance(fetched, Advanced):
        return PageRead(url=entry.url, ending=short_ending(fetched))
    page = fetched.value
    outcome = reader.extract(entry, page)
    try:
        tried = reader.try_rules(entry.source.extract, page)
    except Exploded as exploded:
        return PageRead(url=page.url, ending=f"its rules cannot be tried: {exploded}")
    if isinstance(outcome, Advanced):
        return PageRead(url=page.url, article=outcome.value, tried=tried)
    return PageRead(url=page.url, ending=short_ending(outcome), tried=tried)


def checked_json(look: Look, pages: Sequence[PageRead], repeats: Sequence[RepeatedBlock] | None) -> dict[str, Any]:
    """Return what the pages told, as `--json` has it; `repeats` is null when no store could be asked."""
    return {
        "rules": _rules(look.source.extract, pages),
        "pages": [_page_json(one) for one in pages],
        "repeats": None if repeats is None else [asdict(one) for one in repeats],
    }


def _rules(rules: ExtractRules, pages: Sequence[PageRead]) -> list[dict[str, Any]]:
    """Return each rule with its matches page by page, and what it gave first."""
    found = []
    for field, selectors in asdict(rules).items():
        for selector in selectors:
            hits = [one for page in pages for one in page.tried if (one.field, one.selector) == (field, selector)]
            gave = next((one.gave for one in hits if one.matches), "")
            found.append({"field": field, "selector": selector, "matches": [one.matches for one in hits], "gave": gave})
    return found


def _page_json(page: PageRead) -> dict[str, Any]:
    article = page.article
    if article is None:
        return {"url": page.url, "ending": page.ending}
    return {
        "url": page.url,
        "title": article.title,
        "published": article.published.isoformat() if article.published else None,
        "published_from": article.published_from,
        "authors": list(article.authors),
        "quality": article.quality,
        "rung": article.rung,
        "rung_why": article.rung_why,
        "removed": list(article.removed),
        "text": article.text[:_SHOWN],
    }


def show_checked(
    console: Console, rules: ExtractRules, pages: Sequence[PageRead], repeats: Sequence[RepeatedBlock] | None
) -> None:
    """Print rules, pages and repeated blocks."""
    if tried := _rules(rules, pages):
        table = Table("rule", "selector", "matches by page", "what it gave first", box=box.SIMPLE_HEAD)
        for one in tried:
            matches = ", ".join(map(str, one["matches"])) or "not tried"
            table.add_row(one["field"], escape(one["selector"]), matches, escape(one["gave"]))
        console.print(table)
    if pages:
        table = Table("published", "authors", "rung", "title and text", box=box.SIMPLE_HEAD)
        for page in pages:
            table.add_row(*map(escape, _cells(page)))
        console.print(table)
    if repeats is None:
        console.print("Blocks that repeat: unknown, no system runs here.")
    elif not repeats:
        console.print("Blocks that repeat: none are known.")
    else:
        table = Table("articles", "a block that repeats, and is taken out", box=box.SIMPLE_HEAD)
        for block in repeats:
            table.add_row(f"{block.articles} of {block.of}", escape(block.sample))
        console.print(table)


def _cells(page: PageRead) -> tuple[str, str, str, str]:
    article = page.article
    if article is None:
        return "-", "-", "-", f"{page.url}\n{page.ending}"
    when = f"{article.published.isoformat(' ', 'minutes')} ({article.published_from})" if article.published else "-"
    text = article.text[:_SHOWN].replace("\n", " ")
    removed = f"\nrepeated blocks taken out: {len(article.removed)}" if article.removed else ""
    return (
        when,
        ", ".join(article.authors) or "-",
        f"{article.rung}: {article.rung_why}",
        f"{article.title}\n{text}{removed}",
    )
