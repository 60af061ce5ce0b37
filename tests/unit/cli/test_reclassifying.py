"""What another classification means beside what readers have, and how it is counted."""

from types import SimpleNamespace
from typing import Any, NoReturn
from uuid import UUID

import pytest
from rich.console import Console
from sqlalchemy.exc import DataError, OperationalError, StatementError

from workers.cli import reclassifying
from workers.cli.reclassify import MEANS, SAMPLES, Run, Tally, _turns_table
from workers.cli.reclassifying import Look, Move, Verdict, compare, lacks_facts
from workers.domain.errors import Unavailable, WirewatchError

ID = UUID(int=1)


def mark(probability: float = 0.8, flagged: bool = True, topic: str = "sanctions", **facts: Any) -> dict[str, Any]:
    return {"topic": topic, "probability": probability, "flagged": flagged, **facts}


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        ([mark()], [mark()], None),
        ([mark(pack_version="1", evidence=[])], [mark(pack_version="2", evidence=[{}])], None),
        ([mark(0.8)], [mark(0.8499)], None),
        ([mark(0.8)], [mark(0.85)], 0),
        ([mark(0.85)], [mark(0.8)], 0),
        ([mark(0.51)], [mark(0.49, flagged=False)], -1),
        ([mark(0.49, flagged=False)], [mark(0.51)], 1),
        ([], [mark()], 1),
        ([mark()], [], -1),
        ([], [mark(0.0499, flagged=False)], None),
        ([mark(0.3, flagged=False)], [], 0),
        ([mark(0.3, flagged=False, band="no")], [mark(0.31, flagged=False, band="uncertain")], 0),
        ([mark(0.3, flagged=False)], [mark(0.31, flagged=False, band="uncertain")], None),
        ([], [], None),
    ],
)
def test_where_readers_see_a_difference(before: list[Any], after: list[Any], turn: int | None) -> None:
    assert [move.turn for move in compare(before, after)] == ([] if turn is None else [turn])


NAMED: dict[str, Any] = {"countries": [], "organisations": [], "pairs": []}


@pytest.mark.parametrize(
    ("before", "after", "lacks"),
    [
        ({"flags": []}, [], True),
        ({"flags": [], "countries": [], "pairs": []}, [], True),
        ({"flags": [], **NAMED}, [], False),
        ({"flags": [], **NAMED, "countries": [{"code": "IR"}]}, [], False),
        ({"flags": [mark()], **NAMED}, [mark(band="flagged")], True),
        ({"flags": [mark(0.03, flagged=False)], **NAMED}, [], True),
        ({"flags": [mark(band="flagged")], **NAMED}, [mark(0.81, band="flagged")], False),
        # another topic is looked at: this flag is kept as it is
        ({"flags": [mark()], **NAMED}, [mark()], False),
    ],
)
def test_what_was_told_in_an_older_shape_lacks_facts(before: dict[str, Any], after: list[Any], lacks: bool) -> None:
    assert lacks_facts(before, {"flags": after, **NAMED}) is lacks


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OperationalError("SELECT secret", {"a": "secret"}, Exception("gone")), Unavailable),
        (DataError("INSERT secret", {"a": "secret"}, Exception("out of range")), WirewatchError),
        (StatementError("a value is missing", "INSERT secret", {"a": "secret"}, ValueError("no")), WirewatchError),
    ],
)
def test_what_the_database_says_is_told_without_the_statement(
    error: Exception, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_ids: object) -> NoReturn:
        raise error

    monkeypatch.setattr(reclassifying, "_helper", SimpleNamespace(look=look))
    with pytest.raises(raised, match="the database") as told:
        reclassifying._work([ID])
    assert "secret" not in str(told.value)
    assert told.value.__suppress_context__


def test_topics_are_compared_each_with_itself_whatever_their_order() -> None:
    before = [mark(0.9, topic="piracy"), mark(0.8), mark(0.7, topic="arms")]
    after = [mark(0.7, topic="arms"), mark(0.2, flagged=False), mark(0.9, topic="piracy"), mark(topic="drugs")]
    assert compare(before, after) == [Move("drugs", 0.0, 0.8, 1), Move("sanctions", 0.8, 0.2, -1)]


def tally(*looks: tuple[str, str, int]) -> Tally:
    made = Tally()
    for language, topic, turn in looks:
        made.add(Look(ID, Verdict.CHANGED, language, "T", (Move(topic, 0, 1, turn),)))
    return made


def test_turns_are_counted_by_topic_and_language() -> None:
    made = tally(("en", "arms", 1), ("en", "arms", 1), ("fa", "arms", -1), ("fa", "drugs", 0), ("fa", "arms", 1))
    assert made.by_topic() == {"arms": [3, 1, 0], "drugs": [0, 0, 1]}
    console = Console(width=100)
    with console.capture() as shown:
        console.print(_turns_table(made))
    rows = [line.split() for line in shown.get().splitlines() if line.strip()]
    assert ["arms", "3", "1", "0", "en", "+2,", "fa", "+1", "-1"] in rows
    assert ["drugs", "0", "0", "1"] in rows
    assert ["in", "all", "3", "1", "1", "en", "+2,", "fa", "+1", "-1"] in rows


def test_the_first_of_each_turn_are_shown_and_no_moves() -> None:
    made = tally(*[("en", "arms", turn) for turn in (1, -1, 0)] * 10)
    assert {key: len(found) for key, found in made.samples.items() if found} == {
        ("arms", 1): SAMPLES,
        ("arms", -1): SAMPLES,
    }


def test_every_verdict_says_what_it_means() -> None:
    assert set(MEANS) == set(Verdict)


RUN = Run("aa", {"topic": None})
FOUND = tally(("en", "arms", 1))
PREVIEW = RUN.as_preview(FOUND) | {"at": "noon"}


@pytest.mark.parametrize(
    ("preview", "is_other", "words"),
    [
        (None, False, "1 applied; there was no preview of these"),
        (PREVIEW, False, "1 applied, as in the preview of noon"),
        (PREVIEW | {"scope": {"topic": "arms"}}, False, "there was no preview of these"),
        (PREVIEW | {"mark": "bb"}, True, "1 applied; the preview of noon was of bb"),
        (PREVIEW | {"changed": 7}, False, "1 applied; the preview of noon had 7: "),
        (PREVIEW | {"topics": {"arms": [0, 1, 0]}}, False, "1 applied; the preview of noon had 1: "),
    ],
)
def test_what_is_applied_is_told_beside_the_preview(preview: Any, is_other: bool, words: str) -> None:
    assert RUN.is_other_than(preview) is is_other
    assert words in RUN.beside(preview, FOUND)
