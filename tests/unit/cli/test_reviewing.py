from uuid import UUID

import pytest

from workers.cli.reviewing import LONGEST_NOTE, Reply, most_informative, reply
from workers.store.verdicts import Candidate, Verdict

THRESHOLDS = {"sanctions": 0.4, "extremism": 0.6}


def candidate(
    number: int, probability: float, *, topic: str = "sanctions", story: int | None = None, judged: bool = False
) -> Candidate:
    return Candidate(UUID(int=number), topic, probability, UUID(int=story or number), judged)


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([], []),
        # below and above the threshold alike, each topic by its own
        ([candidate(2, 0.35), candidate(3, 0.39), candidate(4, 0.61, topic="extremism")], [4, 3, 2]),
        # of equals the newest
        ([candidate(1, 0.3), candidate(2, 0.5), candidate(3, 0.3)], [3, 2, 1]),
        # of a story one article, the one nearest to the threshold
        ([candidate(1, 0.9), candidate(2, 0.5, story=1), candidate(3, 0.1)], [2, 3]),
        # a story is asked of once for each topic
        ([candidate(1, 0.4), candidate(2, 0.5, story=1, topic="extremism")], [1, 2]),
        # what was judged is not asked again, nor another article of its story, for that topic
        ([candidate(1, 0.4, judged=True), candidate(2, 0.4, story=1), candidate(3, 0.9)], [3]),
        ([candidate(1, 0.4, judged=True), candidate(2, 0.4, story=1, topic="extremism")], [2]),
    ],
)  # fmt: skip
def test_the_least_sure_is_asked_first(found: list[Candidate], order: list[int]) -> None:
    for given in (found, found[::-1]):
        assert [one.id.int for one in most_informative(given, THRESHOLDS)] == order


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("y\n", Reply(Verdict.CONFIRMED)),
        (" YES \n", Reply(Verdict.CONFIRMED)),
        ("n  only in passing\r\n", Reply(Verdict.REJECTED, "only in passing")),
        ("s", Reply("")),
        ("q\n", Reply(None)),
        ("y " + "x" * 3_000, Reply(Verdict.CONFIRMED, "x" * LONGEST_NOTE)),
        ("y \x1b[31mred\x07", Reply(Verdict.CONFIRMED, "[31mred")),
        ("", None),
        ("\n", None),
        ("perhaps\n", None),
        ("yn\n", None),
    ],
)
def test_an_answer_is_a_letter_or_a_word_and_maybe_a_note(line: str, means: Reply | None) -> None:
    assert reply(line) == means
