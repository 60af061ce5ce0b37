"""Classification figures: precision, recall and F1 of the packs on labelled news (`make eval`).

The gold file is JSON lines of {"id", "lang", "title", "text", "about": [...], "touch": [...]}: `about` is a positive,
a pair in `touch` is left out, all else is negative.
"""

import argparse
import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from config.topics import TopicPack, load_topics  # noqa: E402
from workers.classify.stage import Classifier  # noqa: E402

#: With fewer positives than this a topic's F1 is chance more than skill: shown, but not in the main macro figure.
ENOUGH = 15

#: Outlets' own sections in which hardly any item is about a topic of ours: (file, labels that tell the section).
QUIET_SECTIONS = ("ttc3600_tr", "sanad_ar", "masakhanews")


class Verdict(NamedTuple):
    """One pair of item and topic."""

    topic: str
    group: str  # the language of the item
    expected: bool
    flagged: bool


class Figures(NamedTuple):
    """Counts of true and false positives and of misses, with what follows from them."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of flags that are right; 0 without flags."""
        return self.hits / (self.hits + self.false) if self.hits else 0.0

    @property
    def recall(self) -> float:
        """Share of positives that were flagged; 0 without positives."""
        return self.hits / (self.hits + self.missed) if self.hits else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (2 * self.hits + self.false + self.missed) if self.hits else 0.0


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def judge(items: Iterable[dict[str, Any]], classifier: Classifier, topics: Iterable[str]) -> list[Verdict]:
    """Return a verdict for every pair of item and topic that is not `touch`."""
    topics = list(topics)
    verdicts = []
    for item in items:
        flagged = {flag.topic for flag in classify(item, classifier) if flag.flagged}
        verdicts += [
            Verdict(topic, item["lang"], topic in item["about"], topic in flagged)
            for topic in topics
            if topic not in item["touch"]
        ]
    return verdicts


def classify(item: dict[str, Any], classifier: Classifier) -> tuple[Any, ...]:
    """Return the flags of one item."""
    return classifier.classify(item.get("title") or "", item.get("text") or "", item.get("lang") or "und").flags


def figures(verdicts: Iterable[Verdict]) -> Figures:
    """Count a set of verdicts."""
    seen = Counter((v.expected, v.flagged) for v in verdicts)
    return Figures(seen[True, True], seen[False, True], seen[True, False])


def table(title: str, verdicts: list[Verdict], column: str) -> dict[str, Figures]:
    """Print one line for each value of `column` and return the figures."""
    parts: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        parts[getattr(verdict, column)].append(verdict)
    rows = {name: figures(parts[name]) for name in sorted(parts)}
    print(f"\n{title:<26}{'n':>6}{'precision':>11}{'recall':>8}{'F1':>7}")
    for name, row in rows.items():
        print(f"{name:<26}{row.hits + row.missed:>6}{row.precision:>11.2f}{row.recall:>8.2f}{row.f1:>7.2f}")
    return rows


def macro(rows: Iterable[Figures]) -> float:
    """Return the mean F1."""
    values = [row.f1 for row in rows]
    return sum(values) / len(values) if values else 0.0


def report_gold(path: Path, classifier: Classifier, packs: tuple[TopicPack, ...]) -> None:
    """Print the tables of the gold file."""
    items = list(read_lines(path))
    started = time.perf_counter()
    verdicts = judge(items, classifier, [pack.id for pack in packs])
    elapsed = time.perf_counter() - started
    print(f"{path.name}: {len(items)} items, {1000 * elapsed / len(items):.2f} ms each")
    topics = table("topic", verdicts, "topic")
    table("language (micro)", verdicts, "group")
    pooled = figures(verdicts)
    common = [row for row in topics.values() if row.hits + row.missed >= ENOUGH]
    print(f"\nmacro-F1 {macro(topics.values()):.3f} over {len(topics)} topics", end="")
    print(f", {macro(common):.3f} over the {len(common)} with at least {ENOUGH} positives; micro-F1 {pooled.f1:.3f}")


def report_quiet(folder: Path, classifier: Classifier) -> None:
    """Print how many items of sections far from our topics (sport, business, culture, health) are flagged at all."""
    print(f"\n{'items labelled with no topic':<30}{'n':>6}{'flagged':>9}")
    for name in QUIET_SECTIONS:
        path = folder / f"{name}.dev.jsonl.gz"
        if not path.exists():
            continue
        quiet = [i for i in read_lines(path) if not i["labels"] and not i.get("maybe") and i.get("neg") == "*"][:1000]
        flagged = sum(any(flag.flagged for flag in classify(item, classifier)) for item in quiet)
        print(f"{name:<30}{len(quiet):>6}{flagged / len(quiet) if quiet else 0:>9.1%}")


def main(arguments: list[str] | None = None) -> int:
    """Print every figure for which there is data; 0 also without data, with a sentence that says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", metavar="DIR")
    parser.add_argument("--topics", type=Path, default=REPOSITORY / "config" / "topics", metavar="DIR")
    chosen = parser.parse_args(arguments)
    gold = chosen.data / "gold" / "gold.dev.jsonl.gz"
    if not gold.exists():
        print(f"Nothing to measure with: there is no {gold}. Say --data DIR if the labelled news is elsewhere.")
        return 0
    packs = load_topics(chosen.topics)
    classifier = Classifier(packs)
    report_gold(gold, classifier, packs)
    report_quiet(chosen.data / "topics", classifier)
    return 0


if __name__ == "__main__":
    sys.exit(main())
