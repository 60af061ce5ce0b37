"""Extraction figures: text, title and date against known answers, and CPU beside trafilatura's default (`make eval`).

Sets, read from their archives: `scrapinghub` (181 news pages with their full text) and `readability` (130 pages of all
kinds; expected text, title and, on some, time). Both extractors get the same bytes, taking turns page by page, so that
a noisy machine disturbs both alike.
"""

import argparse
import gzip
import json
import re
import statistics
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from lxml.html import fromstring
from trafilatura import bare_extraction

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from workers.domain.outcomes import Advanced, Dropped  # noqa: E402
from workers.domain.values import Entry, FeedEntry, Page, Source  # noqa: E402
from workers.extract.language import detect  # noqa: E402
from workers.extract.stage import extract  # noqa: E402

_TOKEN = re.compile(r"\w+")
_BLOCKS = frozenset({"p", "div", "li", "br", "h1", "h2", "h3", "h4", "h5", "h6", "td", "blockquote", "pre", "dd", "dt"})
_SOURCE = Source(id="eval", name="", url="", language="en", country="US", owner="", state_owned=False)


class Known(NamedTuple):
    """A page and what is known of it; None where the set says nothing."""

    name: str
    url: str
    body: bytes
    text: str
    title: str | None = None
    published: date | None = None


class Found(NamedTuple):
    """What an extractor made of a page."""

    text: str = ""
    title: str = ""
    published: date | None = None
    note: str = ""


class Score(NamedTuple):
    """One page of one set, by one extractor."""

    name: str
    f1: float
    title: bool | None
    published: bool | None
    seconds: float
    note: str


def scrapinghub(path: Path) -> Iterator[Known]:
    """Yield the pages of the archive."""
    with tarfile.open(path) as archive:
        files = {member.name: member for member in archive.getmembers() if member.isfile()}
        truth = json.loads(_read(archive, files["scrapinghub/ground-truth.json"]))
        for name, known in truth.items():
            body = gzip.decompress(_read(archive, files[f"scrapinghub/html/{name}.html.gz"]))
            yield Known(name[:12], known["url"], body, known["articleBody"])


def readability(path: Path) -> Iterator[Known]:
    """Yield the pages of the archive."""
    with tarfile.open(path) as archive:
        files = {member.name: member for member in archive.getmembers() if member.isfile()}
        for name in sorted(files):
            if not name.endswith("/source.html"):
                continue
            folder = name.removesuffix("source.html")
            facts = json.loads(_read(archive, files[f"{folder}expected-metadata.json"]))
            published = facts.get("publishedTime")
            yield Known(
                name=folder.rstrip("/").rpartition("/")[2],
                url="https://example.org/news/page",
                body=_read(archive, files[name]),
                text=visible_text(_read(archive, files[f"{folder}expected.html"]).decode()),
                title=facts.get("title") or None,
                published=datetime.fromisoformat(published).date() if published and "-" in published[:5] else None,
            )


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def visible_text(html: str) -> str:
    """Return the text of a fragment of HTML, blocks apart."""
    tree: Any = fromstring(f"<div>{html}</div>")
    for node in tree.iter():
        if node.tag in _BLOCKS:
            node.tail = "\n" + (node.tail or "")
    return str(tree.text_content())


def token_f1(found: str, known: str) -> float:
    """Harmonic mean of precision and recall over words as a bag, lower case; two empty texts agree."""
    ours, theirs = (Counter(_TOKEN.findall(text.lower())) for text in (found, known))
    common = sum((ours & theirs).values())
    if not common:
        return float(not ours and not theirs)
    return 2 * common / (ours.total() + theirs.total())


def by_wirewatch(known: Known) -> Found:
    """Extract as the step does, from a feed that gave nothing but the link."""
    now = datetime.now(UTC)
    entry = Entry(
        id=UUID(int=1),
        source=_SOURCE,
        url=known.url,
        feed=FeedEntry(key=known.url, url=known.url),
        discovered_at=now,
        attempt=1,
    )
    page = Page(url=known.url, status=200, content_type="text/html", charset=None, body=known.body, fetched_at=now)
    outcome = extract(entry, page, detect=detect)
    if isinstance(outcome, Advanced):
        article = outcome.value
        note = f"{article.rung} {article.published_from or ''}"
        return Found(article.text, article.title, article.published.date() if article.published else None, note)
    return Found(note=f"{outcome.reason}: {outcome.detail}" if isinstance(outcome, Dropped) else "")


def by_trafilatura(known: Known) -> Found:
    """Extract with trafilatura's default."""
    document: Any = bare_extraction(known.body, url=known.url, with_metadata=True)
    if document is None:
        return Found()
    written = document.date
    return Found(document.text or "", document.title or "", date.fromisoformat(written) if written else None)


def score(known: Known, extractor: Callable[[Known], Found]) -> Score:
    """Run one extractor over one page."""
    started = time.process_time()
    found = extractor(known)
    seconds = time.process_time() - started
    return Score(
        name=known.name,
        f1=token_f1(found.text, known.text),
        title=None if known.title is None else _squeezed(found.title) == _squeezed(known.title),
        # a day apart is the same time told from another zone: the sets do not all name one
        published=None
        if known.published is None
        else bool(found.published and abs(found.published - known.published) <= timedelta(days=1)),
        seconds=seconds,
        note=found.note,
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def report(name: str, ours: list[Score], theirs: list[Score], worst: int) -> None:
    """Print the figures of a set, and its worst pages."""
    print(f"\n{name}: {len(ours)} pages{'token F1':>20}{'title':>8}{'date':>8}{'ms CPU':>9}")
    for label, scores in (("wirewatch", ours), ("trafilatura default", theirs)):
        row = f"  {label:<30}{statistics.mean(one.f1 for one in scores):>10.4f}"
        for facts in ([one.title for one in scores], [one.published for one in scores]):
            known = [fact for fact in facts if fact is not None]
            row += f"{statistics.mean(known):>8.2f}" if known else f"{'-':>8}"
        print(f"{row}{1000 * statistics.mean(one.seconds for one in scores):>9.1f}")
    rungs = Counter(one.note.partition(" ")[0] for one in ours)
    print("  rungs: " + ", ".join(f"{rung} {count}" for rung, count in rungs.most_common()))
    print(f"  CPU ratio {sum(one.seconds for one in ours) / sum(one.seconds for one in theirs):.2f}")
    for mine, other in sorted(zip(ours, theirs, strict=True), key=lambda pair: pair[0].f1)[:worst]:
        print(f"    {mine.f1:.3f} ({other.f1:.3f})  {mine.name}  {mine.note}")


def main(arguments: list[str] | None = None) -> int:
    """Print every figure for which there is data; 0 also without data, with a sentence that says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", metavar="DIR")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="name the N worst pages of each set")
    chosen = parser.parse_args(arguments)
    for name, reader in (("scrapinghub", scrapinghub), ("readability", readability)):
        path = chosen.data / "extraction" / f"{name}.tar.xz"
        if not path.exists():
            print(f"Nothing to measure with: there is no {path}. Say --data DIR if the pages are elsewhere.")
            continue
        ours, theirs = [], []
        for known in reader(path):
            theirs.append(score(known, by_trafilatura))
            ours.append(score(known, by_wirewatch))
        report(name, ours, theirs, chosen.worst)
    return 0


if __name__ == "__main__":
    sys.exit(main())
