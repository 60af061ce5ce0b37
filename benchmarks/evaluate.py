"""Classification figures on labelled news, by nested cross-validation (`make eval`).

The gold file is described in `workers/cli/labelled.py`. Outer parts score; the model and its calibration are fitted on
the others alone (`workers/classify/learning/training.py` cuts those once more, for the calibration). Nothing is kept on
the disk but the diagram.
"""

import argparse
import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.diagram import draw  # noqa: E402
from benchmarks.measures import (  # noqa: E402
    Judged,
    average_precision,
    bins,
    brier,
    calibration_error,
    counts,
)
from config.topics import TopicPack, load_topics  # noqa: E402
from workers.classify.learning.training import (  # noqa: E402
    FOLDS,
    Read,
    Sample,
    attested,
    outer_part,
    read_all,
    samples,
    train,
)
from workers.classify.matching.score import MIDPOINT  # noqa: E402
from workers.classify.probability.calibration import Valued, calibrate  # noqa: E402
from workers.classify.probability.logistic import logistic  # noqa: E402
from workers.classify.reading import Reader  # noqa: E402
from workers.classify.stage import Classifier  # noqa: E402
from workers.cli.labelled import read_labelled  # noqa: E402

#: With fewer positives than this a topic's F1 is chance more than skill: shown, but not in the main macro figure.
ENOUGH = 15

#: The band that docs/classification.md proposes: not flagged, uncertain, flagged.
UNCERTAIN_FROM, FLAGGED_FROM = 0.2, 0.4

#: What a threshold may be when it is chosen by what other articles show.
THRESHOLDS = tuple(n / 100 for n in range(20, 71, 5))

#: Outlets' own sections (sport, business, culture, health ...) in which hardly any item is about a topic of ours.
QUIET_SECTIONS = ("ttc3600_tr", "sanad_ar", "masakhanews")

#: A method: what it says of the samples of articles after it has learned from others.
Method = Callable[[Sequence[Read], Sequence[Sample]], list[float]]


def lexicon_alone(_learned: Sequence[Read], judged: Sequence[Sample]) -> list[float]:
    """Return the lexicon's own probability: the logistic of the score less its midpoint. Nothing is learned."""
    return [logistic(s.score - MIDPOINT) for s in judged]


def lexicon_calibrated(learned: Sequence[Read], judged: Sequence[Sample]) -> list[float]:
    """Return the lexicon's score, calibrated for topics and languages."""
    known = samples(attested(learned), {s.topic for s in judged})
    learnt = calibrate([Valued(s.topic, s.language, s.score - MIDPOINT, s.label) for s in known])
    return [logistic(learnt(s.score - MIDPOINT, s.topic, s.language)) for s in judged]


def lexicon_and_model(learned: Sequence[Read], judged: Sequence[Sample]) -> list[float]:
    """Return what the classifier says: the linear model over the evidence, calibrated."""
    model = train(samples(attested(learned), {s.topic for s in judged}))
    return [logistic(model.calibration(model.value(s.numbers), s.topic, s.language)) for s in judged]


#: Name -> method and the threshold that it flags from.
METHODS: dict[str, tuple[Method, float]] = {
    "lexicon": (lexicon_alone, 0.5),
    "lexicon, calibrated": (lexicon_calibrated, FLAGGED_FROM),
    "lexicon and model": (lexicon_and_model, FLAGGED_FROM),
}
OURS = "lexicon and model"

NO_DIAGRAM = "\nNo reliability diagram: matplotlib is not installed (pip install '.[eval]')."


def judge(
    reads: Sequence[Read], topics: Sequence[str], method: Method, *, as_read: Sequence[Read] | None = None
) -> list[Judged]:
    """Return every topic of every article, judged by what was learned from the other parts.

    `as_read` are the same articles as they are read for judging, when that is not `reads`.
    """
    said: dict[tuple[int, str], float] = {}
    for part in range(FOLDS):
        inside = [read for read in reads if outer_part(read.group) != part]
        outside = samples([read for read in as_read or reads if outer_part(read.group) == part], topics)
        if inside and outside:
            values = method(inside, outside)
            said |= {(s.number, s.topic): round(p, 4) for s, p in zip(outside, values, strict=True)}
    return [
        Judged(
            read.number, topic, read.article.language, said.get((read.number, topic), 0.0), topic in read.article.about
        )
        for read in reads
        for topic in topics
        if topic not in read.article.touch
    ]


def by(judged: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    """Return `judged` in parts, sorted by what `key` says."""
    parts: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        parts[key(one)].append(one)
    return {name: parts[name] for name in sorted(parts)}


def common_topics(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Return the topics with enough positives for a figure of their own."""
    return {
        topic: of_topic
        for topic, of_topic in by(judged, lambda one: one.topic).items()
        if sum(one.label for one in of_topic) >= ENOUGH
    }


def with_evidence(judged: Iterable[Judged]) -> list[Judged]:
    """Leave out the pairs that no term speaks for: their probability is 0, and they flatter every mean."""
    return [one for one in judged if one.probability > 0]


def mean(values: Iterable[float]) -> float:
    """Return the mean, 0 of nothing."""
    held = list(values)
    return sum(held) / len(held) if held else 0.0


def compare(results: dict[str, list[Judged]]) -> None:
    """Print the methods beside one another."""
    print(f"\n{'method':<22}{'macro-F1':>9}{'micro-F1':>9}{'macro-AP':>9}{'Brier':>8}{'ECE':>7}{'ECE*':>7}")
    for name, judged in results.items():
        topics = common_topics(judged).values()
        threshold = METHODS[name][1]
        row = f"{name:<22}{mean(counts(t, threshold).f1 for t in topics):>9.3f}{counts(judged, threshold).f1:>9.3f}"
        row += f"{mean(map(average_precision, topics)):>9.3f}{brier(judged):>8.4f}{calibration_error(judged):>7.3f}"
        print(f"{row}{calibration_error(with_evidence(judged)):>7.3f}")
    print("ECE*: of the pairs with evidence alone (the others have the probability 0)")


def table(title: str, parts: dict[str, list[Judged]]) -> None:
    """Print one line for each part."""
    print(f"\n{title:<26}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}{'AP':>7}{'ECE':>7}{'ECE*':>7}")
    for name, judged in parts.items():
        row = counts(judged, FLAGGED_FROM)
        line = f"{name:<26}{row.hits + row.missed:>5}{row.precision:>11.2f}{row.recall:>8.2f}{row.f1:>7.2f}"
        line += f"{average_precision(judged):>7.2f}{calibration_error(judged):>7.3f}"
        print(f"{line}{calibration_error(with_evidence(judged)):>7.3f}")


def decided(judged: Sequence[Judged], parts: Sequence[int], *, by_topic: bool) -> list[Judged]:
    """Return `judged` with 1 or 0, by the threshold that does best in the other parts: one for all, or for each topic.

    `parts` holds the part of each article. A topic with too few positives to choose by keeps the packs' threshold.
    """
    told: list[Judged] = []
    for part in range(FOLDS):
        others = common_topics(one for one in judged if parts[one.article] != part)
        sets = [[topic] for topic in others] if by_topic else [list(others)]
        best = {
            topic: max(THRESHOLDS, key=lambda t: (_macro_f1([others[o] for o in of_set], t), -abs(t - FLAGGED_FROM)))
            for of_set in sets
            for topic in of_set
        }
        told += [
            one._replace(probability=float(one.probability >= best.get(one.topic, FLAGGED_FROM)))
            for one in judged
            if parts[one.article] == part
        ]
    return told


def _macro_f1(topics: Iterable[Sequence[Judged]], threshold: float) -> float:
    return mean(counts(of_topic, threshold).f1 for of_topic in topics)


def report_thresholds(judged: Sequence[Judged], parts: Sequence[int]) -> None:
    """Print what other thresholds would give, and how much stands in the band below."""
    print(f"\n{'flagged from':<26}{'macro-F1':>9}{'micro-F1':>9}{'precision':>11}{'recall':>8}")
    rows = [(f"{threshold}", judged, threshold) for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)]
    rows += [("chosen elsewhere, for all", decided(judged, parts, by_topic=False), 0.5)]
    rows += [("chosen elsewhere, by topic", decided(judged, parts, by_topic=True), 0.5)]
    for name, of_row, threshold in rows:
        row = counts(of_row, threshold)
        macro = _macro_f1(common_topics(of_row).values(), threshold)
        print(f"{name:<26}{macro:>9.3f}{row.f1:>9.3f}{row.precision:>11.3f}{row.recall:>8.3f}")
    band = [one for one in judged if UNCERTAIN_FROM <= one.probability < FLAGGED_FROM]
    missed = sum(one.label and one.probability < FLAGGED_FROM for one in judged)
    print(
        f"uncertain ({UNCERTAIN_FROM} to {FLAGGED_FROM}): {len(band)} pairs, {sum(one.label for one in band)} of",
        end="",
    )
    print(f" the {missed} that are missed, {mean(one.label for one in band):.0%} of them positive")


def report_confusion(judged: Sequence[Judged]) -> None:
    """Print the pairs of topics that are taken for one another most often."""
    taken: Counter[tuple[str, str]] = Counter()
    articles: defaultdict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        articles[one.article].append(one)
    for of_article in articles.values():
        true = [one.topic for one in of_article if one.label] or ["(no topic)"]
        wrong = [one.topic for one in of_article if one.probability >= FLAGGED_FROM and not one.label]
        taken.update((flag, topic) for flag in wrong for topic in true)
    print("\nwrongly flagged            of an article about        times")
    for (flag, topic), times in sorted(taken.items(), key=lambda pair: (-pair[1], pair[0]))[:12]:
        print(f"{flag:<27}{topic:<26}{times:>6}")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def report_sets(folder: Path, known: frozenset[str], classifier: Classifier) -> None:
    """Print what the shipped model flags in sets that it was not trained on; items in `known` (ids) are left out."""
    print(f"\n{'items of no topic of ours':<44}{'n':>6}{'flagged':>9}")
    for name in QUIET_SECTIONS:
        items = (i for i in _items(folder, name, known) if not i["labels"] and not i["maybe"] and i["neg"] == "*")
        _print_share(f"{name} (its quiet sections)", items, classifier, topic=None)
    muc4 = (i for i in _items(folder, "muc4", known) if "counter_terrorism" not in i["labels"])
    _print_share("muc4 without incident: counter-terrorism", muc4, classifier, topic="counter-terrorism")
    print(f"\n{'sets of one topic: recall':<44}{'n':>6}{'flagged':>9}")
    for name, label, topic in (
        ("casie", "cyber", "cyber-security"),
        ("insightcrime", "organised_crime", "organised-crime"),
        ("insightcrime", "drug_trafficking", "drug-trafficking"),
        ("satp", "counter_terrorism", "counter-terrorism"),
        ("muc4", "counter_terrorism", "counter-terrorism"),
        ("wiki_current_events", "counter_terrorism", "counter-terrorism"),
        ("wiki_current_events", "arms_control_nuclear", "arms-control"),
        ("allsides", "human_trafficking_migration", "irregular-migration"),
    ):
        items = (i for i in _items(folder, name, known) if label in i["labels"])
        _print_share(f"{name}: {topic}", items, classifier, topic=topic)


def _items(folder: Path, name: str, known: frozenset[str]) -> Iterator[dict[str, Any]]:
    path = folder / f"{name}.dev.jsonl.gz"
    return (item for item in read_lines(path) if item["id"] not in known) if path.exists() else iter(())


def _print_share(name: str, items: Iterable[dict[str, Any]], classifier: Classifier, topic: str | None) -> None:
    """Print the share of at most 1,000 `items` flagged with `topic`, or with anything."""
    flagged = []
    for item, _ in zip(items, range(1000), strict=False):
        flags = classifier.classify(item["title"] or "", item["text"] or "", item["lang"] or "und").flags
        flagged.append(any(f.probability >= FLAGGED_FROM and topic in {None, f.topic} for f in flags))
    if flagged:
        print(f"{name:<44}{len(flagged):>6}{mean(flagged):>9.1%}")


def report(gold: Path, sets: Path, packs: tuple[TopicPack, ...]) -> list[Judged]:
    """Print every table; return what the classifier says in the cross-validation."""
    topics = [pack.id for pack in packs]
    articles = read_labelled(gold)
    started = time.process_time()
    reads = read_all(articles, Reader(packs))
    spent = 1000 * (time.process_time() - started) / max(len(articles), 1)
    print(f"{gold.name}: {len(articles)} articles, {spent:.2f} ms CPU each to read; {FOLDS} outer and inner parts")
    results = {name: judge(reads, topics, method) for name, (method, _) in METHODS.items()}
    compare(results)
    judged = results[OURS]
    table("topic", by(judged, lambda one: one.topic))
    table("language (micro)", by(judged, lambda one: one.language))
    parts = [outer_part(read.group) for read in reads]
    report_thresholds(judged, parts)
    report_confusion(judged)
    print(
        "\nThe same without the terms that only the judged part has (whoever wrote the packs had read these articles):"
    )
    strict = attested(reads, outer_part)
    results = {name: judge(reads, topics, method, as_read=strict) for name, (method, _) in METHODS.items()}
    compare(results)
    table("language (micro)", by(results[OURS], lambda one: one.language))
    report_thresholds(results[OURS], parts)
    known = frozenset(item["id"] for item in read_lines(gold) if "id" in item)
    report_sets(sets, known, Classifier(packs))
    return judged


def written(page: str, tables: str) -> str:
    """Return `page` with `tables` in place of what stands in its last block of code."""
    before, _, after = page.rpartition("\n```\n")
    before = before.rpartition("\n```\n")[0]
    return f"{before}\n```\n{tables.strip()}\n```\n{after}"


def main(arguments: list[str] | None = None) -> int:
    """Print every figure for which there is data; 0 also without data, with a sentence that says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", metavar="DIR")
    parser.add_argument("--topics", type=Path, default=REPOSITORY / "config" / "topics", metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into the last code block of a page")
    parser.add_argument("--png", type=Path, default=REPOSITORY / "build" / "reliability.png", metavar="FILE")
    chosen = parser.parse_args(arguments)
    gold = chosen.data / "gold" / "gold.dev.jsonl.gz"
    if not gold.exists():
        print(f"Nothing to measure with: there is no {gold}. Say --data DIR if the labelled news is elsewhere.")
        return 0
    packs = load_topics(chosen.topics)
    with redirect_stdout(StringIO()) if chosen.write else nullcontext() as tables:
        judged = report(gold, chosen.data / "topics", packs)
    if tables is not None:
        page = written(chosen.write.read_text(encoding="utf-8"), tables.getvalue())
        chosen.write.write_text(page, encoding="utf-8")
        print(f"tables: {chosen.write}")
    drawn = draw(bins(with_evidence(judged)), chosen.png)
    print(f"\nreliability diagram: {chosen.png}" if drawn else NO_DIAGRAM)
    return 0


if __name__ == "__main__":
    sys.exit(main())
