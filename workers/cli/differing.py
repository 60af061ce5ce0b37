"""What a changed topic pack would do: the terms and rules that differ, and the flags that articles gain or lose."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from config.topics import TopicPack
from workers.classify.stage import Classifier
from workers.cli.labelled import json_lines
from workers.cli.shown import printable
from workers.domain.values import Flag

#: What a tier, a group, or "hides evidence" holds in one language: (language, where) and the terms.
Places = Mapping[tuple[str, str], frozenset[str]]


class Turn(NamedTuple):
    """One article whose flag a change turns on or off."""

    topic: str
    title: str
    before: float  # probability, 0 without any evidence
    after: float
    gained: bool  # the flag is new
    words: str  # the heaviest evidence of the side that flags


def differences(old: TopicPack | None, new: TopicPack | None) -> list[str]:
    """Return what differs in what decides a flag, a line each: "+ en strong: x", "threshold: 0.5 -> 0.6"."""
    if old is None or new is None:
        return ["a new pack" if new else "the pack is gone"] if old or new else []
    lines = [
        f"{name}: {getattr(old, name):g} -> {getattr(new, name):g}"
        for name in ("threshold", "uncertain_from", "title_weight", "lead_weight")
        if getattr(old, name) != getattr(new, name)
    ]
    lines += [f"- rule: {one}" for one in _rules(old) if one not in _rules(new)]
    lines += [f"+ rule: {one}" for one in _rules(new) if one not in _rules(old)]
    before, after = _places(old), _places(new)
    for place in sorted(before.keys() | after.keys()):
        was, is_now = before.get(place, frozenset()), after.get(place, frozenset())
        for sign, terms in (("-", was - is_now), ("+", is_now - was)):
            if terms:
                lines.append(f"{sign} {' '.join(place)}: {', '.join(sorted(terms))}")
    return lines


def _rules(pack: TopicPack) -> list[str]:
    return [str(rule) for rule in pack.rules]


def _places(pack: TopicPack) -> Places:
    tiers = {
        (language, tier): {term for t, term in of_language.by_tier() if t == tier}
        for language, of_language in pack.terms.items()
        for tier, _ in of_language.by_tier()
    }
    groups = {
        (language, f"group {group}"): set(terms)
        for language, of_language in pack.groups.items()
        for group, terms in of_language.items()
    }
    organisations = {("organisations", f"group {group}"): set(ids) for group, ids in pack.organisations.items()}
    masks = {(language, "hides evidence"): set(phrases) for language, phrases in pack.exclude.items()}
    return {place: frozenset(terms) for place, terms in (tiers | groups | organisations | masks).items()}


def turns(
    old: Classifier, new: Classifier, articles: Iterable[Mapping[str, str]], topics: frozenset[str]
) -> Iterator[Turn]:
    """Yield each article (`title`, `text`, `language`) and topic whose flag is on with one classifier only."""
    for article in articles:
        given = (article["title"], article["text"], article["language"])
        before, after = _flags(old, given), _flags(new, given)
        for topic in sorted(topics & (before.keys() | after.keys())):
            was, is_now = before.get(topic), after.get(topic)
            gained = is_now is not None and is_now.flagged
            if gained == (was is not None and was.flagged):
                continue
            flagging = is_now if gained else was
            words = flagging.evidence[0].text if flagging and flagging.evidence else ""
            yield Turn(topic, article["title"], _probability(was), _probability(is_now), gained, printable(words))


def _flags(classifier: Classifier, given: tuple[str, str, str]) -> dict[str, Flag]:
    return {flag.topic: flag for flag in classifier.classify(*given).flags}


def _probability(flag: Flag | None) -> float:
    return flag.probability if flag else 0.0


def read_articles(path: Path) -> Iterator[dict[str, str]]:
    """Yield `title`, `text` and `language` of each line of a JSON-lines file; a missing language is detected.

    Raises ConfigError, with file and line, for what is not such a line.
    """
    from workers.extract.language import detect

    for line in json_lines(path):
        if not {"title", "text"} & line.found.keys():
            raise line.refused("has neither `title` nor `text`")
        title, text = line.text("title"), line.text("text")
        language = line.text("language") or line.text("lang") or detect(f"{title}\n{text}")[0]
        yield {"title": title, "text": text, "language": language}
