"""Compares what became of the sample newsroom with what its manifest says must become of it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from workers.domain.outcomes import FINAL_STATES
from workers.operate.newsroom import ExpectedArticle, ExpectedDrop, Newsroom, decoded_path


def unfinished(newsroom: Newsroom, rows: Iterable[Mapping[str, Any]], sources: Iterable[Any]) -> list[str]:
    """Return, in words, which links and sources have no outcome yet.

    `rows`: url, state of every ledger entry. `sources`: id, last_outcome.
    """
    stands = {decoded_path(row["url"]): row for row in rows}
    polled = {row["id"] for row in sources if row["last_outcome"]}
    waiting = {path: stands.get(path) for path in newsroom.expectations}
    return [
        *(f"{path}: {_stand(row)}" for path, row in waiting.items() if row is None or row["state"] not in FINAL_STATES),
        *(f"source {outlet.id}: not polled yet" for outlet in newsroom.outlets if outlet.id not in polled),
    ]


def _stand(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "not discovered yet"
    why = f" ({row['reason']}: {(row.get('detail') or '').strip()[-300:]})" if row["reason"] else ""
    return f"still {row['state']}{why}"


def mistakes(
    newsroom: Newsroom,
    rows: Iterable[Mapping[str, Any]],
    sources: Iterable[Any],
    articles: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return, in words, everything that ended otherwise than the manifest says. Empty is what we want.

    `rows`: id, url, state, reason. `articles`: by entry id, as the API shows them (with text).
    """
    rows = list(rows)
    times = Counter(decoded_path(row["url"]) for row in rows)
    found = [f"{path}: is in the ledger {count} times" for path, count in times.items() if count > 1]
    by_path = {decoded_path(row["url"]): row for row in rows}
    found += [f"{path}: nobody expected this link" for path in by_path if path not in newsroom.expectations]
    for path, expected in newsroom.expectations.items():
        row = by_path.get(path)
        if row is None:
            found.append(f"{path}: was never discovered")
        else:
            found += [f"{path}: {problem}" for problem in _judged(expected, row, articles.get(str(row["id"])))]
            twin = by_path.get(expected.duplicate_of or "") if isinstance(expected, ExpectedArticle) else None
            if twin is not None and not _are_twins(articles, str(row["id"]), str(twin["id"])):
                found.append(f"{path}: not found to be the same text as {decoded_path(twin['url'])}")
    outcomes = {row["id"]: row["outcomes"] for row in sources}
    found += [
        f"source {outlet.id}: expected {outlet.expect}, found {outcomes.get(outlet.id)}"
        for outlet in newsroom.outlets
        if outlet.expect not in (outcomes.get(outlet.id) or {})
    ]
    return found


def _judged(
    expected: ExpectedArticle | ExpectedDrop, row: Mapping[str, Any], article: Mapping[str, Any] | None
) -> list[str]:
    ending = f"{row['state']} {row['reason'] or ''}".strip()
    match expected:
        case ExpectedDrop():
            wanted = f"dropped {expected.reason}"
            return [] if ending == wanted else [f"expected {wanted}, found {ending} ({row.get('detail') or ''})"]
        case ExpectedArticle():
            if ending != "classified" or article is None:
                return [f"expected classified, found {ending} ({row.get('detail') or ''})"]
            return _article_problems(expected, article)
        case _:
            assert_never(expected)


def _article_problems(expected: ExpectedArticle, article: Mapping[str, Any]) -> list[str]:
    flagged = {flag["topic"] for flag in article["flags"] if flag["flagged"]}
    text = article["title"] + "\n" + article["text"]
    problems = []
    if article["language"] != expected.language:
        problems.append(f"language {article['language']}, expected {expected.language}")
    if set(expected.topics) - flagged:
        problems.append(f"not flagged: {', '.join(sorted(set(expected.topics) - flagged))}")
    if flagged - set(expected.topics) - set(expected.may):
        problems.append(f"falsely flagged: {', '.join(sorted(flagged - set(expected.topics) - set(expected.may)))}")
    problems += [f"lost from the text: {words!r}" for words in expected.contains if words not in text]
    problems += [f"leaked into the text: {words!r}" for words in expected.absent if words in text]
    return problems


def _are_twins(articles: Mapping[str, Mapping[str, Any]], one: str, other: str) -> bool:
    """Whichever was stored first is the original: either may name the other."""
    links = {(name, articles[name]["duplicate_of"]) for name in (one, other) if name in articles}
    return bool(links & {(one, other), (other, one)})
