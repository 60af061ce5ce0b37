"""What `review` asks next, and what an answer means. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from workers.cli.shown import printable
from workers.store.verdicts import Candidate, Verdict

#: Letters of a note that are kept.
LONGEST_NOTE = 2_000

#: First word of an answer -> what it means; "" is to skip, None to end.
_WORDS: dict[str, Verdict | str | None] = {
    **dict.fromkeys(("y", "yes"), Verdict.CONFIRMED),
    **dict.fromkeys(("n", "no"), Verdict.REJECTED),
    **dict.fromkeys(("s", "skip"), ""),
    **dict.fromkeys(("q", "quit"), None),
}
KEYS = "y about it, n not about it, s skip, q quit; a note may follow the letter"


class Reply(NamedTuple):
    """What an analyst answered."""

    means: Verdict | str | None  # "" to skip, None to end
    note: str = ""


def most_informative(found: Iterable[Candidate], thresholds: Mapping[str, float]) -> list[Candidate]:
    """Return what nobody judged yet, one article for each story and topic, the most informative first.

    That is the nearest to the topic's threshold (uncertainty sampling, Lewis and Gale 1994: the classifier knows least
    there); of equals the newest. Of a story's articles it is the one nearest to the threshold too.
    """
    judged: set[tuple[object, str]] = set()
    left = []
    for one in found:
        if one.is_judged:
            judged.add((one.story, one.topic))
        else:
            left.append(one)
    left.sort(key=lambda one: (round(abs(one.probability - thresholds[one.topic]), 4), -one.id.int, one.topic))
    chosen: dict[tuple[object, str], Candidate] = {}
    for one in left:
        if (one.story, one.topic) not in judged:
            chosen.setdefault((one.story, one.topic), one)
    return list(chosen.values())


def reply(line: str) -> Reply | None:
    """Return what a line means: a letter or word, and maybe a note; None when it is no answer."""
    word, _, note = printable(line).strip().partition(" ")
    if word.lower() not in _WORDS:
        return None
    return Reply(_WORDS[word.lower()], note.strip()[:LONGEST_NOTE])
