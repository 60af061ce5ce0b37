"""Feed figures: what becomes of real feed and sitemap files of other parsers' test suites (`make eval`).

The files are archives (*.tar.xz) of feeds and of sitemaps. Where a file states in a comment what feedparser expects of
it (`Expect: ... len(entries) == 2 ...`, or names `entries[3]`), the number of entries is held to that; the expression
is read, never run.
"""

import argparse
import io
import re
import sys
import tarfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import feedparser

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from workers.domain.outcomes import FeedOutcome  # noqa: E402
from workers.domain.values import Source  # noqa: E402
from workers.poll.documents.parsed import ParsedFeed  # noqa: E402
from workers.poll.documents.read import read_source  # noqa: E402

#: Name of an archive begins with -> kind of the sources in it.
ARCHIVES = {"feeds": "feed", "sitemaps": "sitemap"}
URL = "https://feeds.example/x"
#: Of the sitemaps: the moment to which "recent" is relative.
NOW = datetime(2026, 3, 1, tzinfo=UTC)
#: No file may take longer (CPU, which a busy machine does not change).
LONGEST_S = 2.0
TOLD = re.compile(rb"Expect:(.*?)-->", re.DOTALL | re.IGNORECASE)
EXACT = re.compile(r"len\(\s*(?:\w+[.\[]['\"]?)?entries['\"]?\]?\s*\)\s*==\s*(\d+)")
AT_LEAST = re.compile(r"entries['\"]?\]?\[(\d+)\]")
HEADER = re.compile(rb"Header:\s*Content-type:\s*([^\r\n]+)", re.IGNORECASE)


class File(NamedTuple):
    """One file of an archive."""

    name: str
    kind: str
    body: bytes


class Result(NamedTuple):
    """What became of it."""

    file: File
    feed: ParsedFeed | None  # None: an exception came out
    seconds: float

    @property
    def found(self) -> int:
        """Entries in the document, also those without a link or over the cap."""
        return len(self.feed.entries) + self.feed.unusable + self.feed.cut if self.feed else 0


def files(folder: Path) -> Iterator[File]:
    """Yield the files of the archives in a folder; licences and notes are not for parsing."""
    for archive in sorted(folder.glob("*.tar.xz")):
        kind = next((kind for prefix, kind in ARCHIVES.items() if archive.name.startswith(prefix)), None)
        if kind is None:
            continue
        with tarfile.open(archive) as members:
            for member in members:
                name = Path(member.name).name
                content = members.extractfile(member) if member.isfile() else None
                if content is not None and name not in {"LICENSE", "README.md", "robots.txt"}:
                    yield File(member.name, kind, content.read())


def parsed(file: File) -> Result:
    """Read one file as its kind, and say on standard error where an exception comes out."""
    source = Source(
        id="x", name="x", url=URL, language="en", country="GB", owner="x", state_owned=False, kind=file.kind
    )
    told = HEADER.search(file.body)
    media = told[1].decode("ascii", "replace").strip() if told else ""
    began = time.process_time()
    feed = None
    try:
        feed = read_source(source, file.body, url=URL, content_type=media, now=NOW)
    except Exception:  # noqa: BLE001  (that none comes is what is measured)
        print(f"{file.name}:\n{traceback.format_exc()}", file=sys.stderr)
    return Result(file, feed, time.process_time() - began)


def agrees(result: Result) -> bool | None:
    """Tell whether the number of entries is as the file says; None when it does not say."""
    told = TOLD.search(result.file.body)
    words = told[1].decode("utf-8", "replace") if told else ""
    if exact := EXACT.search(words):
        return result.found == int(exact[1])
    named = [int(number) for number in AT_LEAST.findall(words)]
    return result.found > max(named) if named else None


def feedparsers(result: Result) -> int | None:
    """Return how many entries feedparser itself finds; None where it finds no feed or raises."""
    try:
        found = feedparser.parse(io.BytesIO(result.file.body))
    except Exception:  # noqa: BLE001  (it raises on what we read)
        return None
    return len(found.entries) if found.version else None


def report(results: list[Result]) -> int:
    """Print the figures; return how many promises do not hold."""
    ended = Counter(str(one.feed.outcome) if one.feed else "exception" for one in results)
    good = sum(ended[word] for word in (FeedOutcome.OK, FeedOutcome.EMPTY, FeedOutcome.CUT_OFF))
    slow = [one for one in results if one.seconds > LONGEST_S]
    print(f"{len(results)} files: {good} parsed, {len(results) - good} failed; {ended['exception']} exceptions")
    print("  " + "  ".join(f"{word} {count}" for word, count in ended.most_common()))
    print(f"entries {sum(len(one.feed.entries) for one in results if one.feed)}, ", end="")
    print(f"without a usable link {sum(one.feed.unusable for one in results if one.feed)}, ", end="")
    print(f"all files {sum(one.seconds for one in results):.1f} s of CPU, over {LONGEST_S:g} s: {len(slow)}")
    print("slowest")
    for one in sorted(results, key=lambda one: one.seconds, reverse=True)[:3]:
        print(f"  {one.seconds:.2f} s  {len(one.file.body):>9} bytes  {one.found:>5} entries  {one.file.name}")
    compare("the file's own expectation", [(one, agrees(one)) for one in results])
    counted = [(one, feedparsers(one)) for one in results if one.file.kind == "feed"]
    compare("feedparser's own count", [(one, None if n is None else n == one.found) for one, n in counted])
    return ended["exception"] + len(slow)


def compare(words: str, verdicts: list[tuple[Result, bool | None]]) -> None:
    """Print how many files agree, and which do not."""
    stated = [(one, verdict) for one, verdict in verdicts if verdict is not None]
    print(f"{words}: {sum(verdict for _, verdict in stated)} of {len(stated)} agree")
    for one, verdict in stated:
        if not verdict:
            print(f"  not so: {one.file.name}: {one.found} entries ({one.feed.detail if one.feed else 'exception'})")


def main(arguments: list[str] | None = None) -> int:
    """Print every figure for which there is data; 0 also without data, with a sentence that says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", metavar="DIR")
    folder = parser.parse_args(arguments).data / "feeds"
    results = [parsed(file) for file in files(folder)]
    if not results:
        print(f"Nothing to measure with: no feed archives in {folder}. Say --data DIR if they are elsewhere.")
        return 0
    return 1 if report(results) else 0


if __name__ == "__main__":
    sys.exit(main())
