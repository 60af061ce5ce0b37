"""What an extraction means beside what readers have, and how a difference is shown."""

from typing import Any

import pytest

from tests.making import make_article
from workers.cli.reextract import MEANS, SAMPLE_LINES, SAMPLE_WIDTH, difference
from workers.cli.reextracting import Verdict, compare
from workers.domain.outcomes import Advanced, Dropped, DropReason, Failed, Outcome, QuarantineReason

BEFORE = make_article()
DROPPED: Outcome[Any] = Dropped(DropReason.NO_TEXT)
FAILED: Outcome[Any] = Failed(QuarantineReason.CRASHED)


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, Verdict.SAME),
        ({"extractor": "test 2"}, Verdict.SAME),
        ({"rung": "strict"}, Verdict.FACTS),
        ({"authors": ("B. Writer",)}, Verdict.FACTS),
        ({"published": None}, Verdict.FACTS),
        ({"text": BEFORE.text + "\nMore."}, Verdict.CHANGED),
        ({"title": "Another"}, Verdict.CHANGED),
        ({"text": "What the feed said.", "quality": "summary"}, Verdict.SUMMARY),
    ],
)
def test_what_a_text_means_beside_the_one_that_readers_have(facts: dict[str, Any], verdict: Verdict) -> None:
    assert compare(BEFORE, Advanced(make_article(**facts))) is verdict


def test_a_summary_that_is_all_readers_have_may_become_another() -> None:
    before = make_article(text="What the feed said.", quality="summary")
    assert compare(before, Advanced(make_article(text="What it says now.", quality="summary"))) is Verdict.CHANGED
    assert compare(before, Advanced(BEFORE)) is Verdict.CHANGED


@pytest.mark.parametrize(
    ("is_published", "outcome", "verdict"),
    [
        (False, Advanced(BEFORE), Verdict.FOUND),
        (False, DROPPED, Verdict.STILL_NONE),
        (True, DROPPED, Verdict.NO_ARTICLE),
        (False, FAILED, Verdict.FAILED),
        (True, FAILED, Verdict.FAILED),
    ],
)
def test_what_other_endings_mean(is_published: bool, outcome: Outcome[Any], verdict: Verdict) -> None:
    assert compare(BEFORE if is_published else None, outcome) is verdict


def test_every_verdict_says_what_it_means() -> None:
    assert set(MEANS) == set(Verdict)


def test_a_difference_shows_the_lines_that_differ_with_one_around() -> None:
    before = make_article(title="T", text="one\ntwo\nthree\nMost read")
    assert difference(before, make_article(title="T", text="one\ntwo\nthree")) == [
        "@@ -4,2 +4 @@",
        " three",
        "-Most read",
    ]
    assert difference(before, make_article(title="U", text=before.text))[1:3] == ["-title: T", "+title: U"]


def test_of_a_new_article_the_difference_is_its_beginning() -> None:
    found = difference(None, make_article(title="T", text="\n".join(f"{n} {'long ' * 100}" for n in range(1_000))))
    assert found[:2] == ["@@ -0,0 +1,501 @@", "+title: T"]
    assert len(found) == SAMPLE_LINES + 1
    assert {len(line) <= SAMPLE_WIDTH for line in found} == {True}
    assert found[-1] == "… and 490 lines more"


def test_where_nothing_is_to_be_applied_there_is_no_difference() -> None:
    assert difference(None, None) == []
