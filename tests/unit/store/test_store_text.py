"""Nothing that comes from outside can make a row unstorable."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import make_feed_entry
from workers.store.rows import feed_entry_from_json, feed_entry_to_json
from workers.store.text import DETAIL_LIMIT, KEY_LIMIT, detail_text, index_key, storable

ANY_TEXT = st.text(st.characters(codec=None), max_size=50)


@given(text=st.text(max_size=50))
def test_text_that_can_be_stored_is_left_as_it_is(text: str) -> None:
    assert storable(text) == text.replace("\0", "")


@given(text=ANY_TEXT)
def test_whatever_the_text_the_database_can_take_it(text: str) -> None:
    made = storable(text)
    assert "\0" not in made
    made.encode()
    assert storable(made) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [("a\0b", "ab"), ("half \ud83d", "half ?"), ("گفت‌وگو 边境 🚨", "گفت‌وگو 边境 🚨"), ("", "")],
)
def test_what_no_row_may_hold_is_taken_out(text: str, made: str) -> None:
    assert storable(text) == made


def test_a_short_detail_is_kept_whole() -> None:
    assert detail_text("x" * DETAIL_LIMIT) == "x" * DETAIL_LIMIT


def test_a_long_detail_keeps_its_beginning_and_its_end() -> None:
    made = detail_text("begin" + "x" * 10 * DETAIL_LIMIT + "end")
    assert made.startswith("begin")
    assert made.endswith("end")
    assert len(made) <= DETAIL_LIMIT + 20


def test_a_short_key_stays_readable_and_a_long_one_fits_an_index() -> None:
    assert index_key("tag:agency.example,2026:1") == "tag:agency.example,2026:1"
    long = "边" * KEY_LIMIT
    assert len(index_key(long)) == 64
    assert index_key(long) != index_key(long + "境")


@given(
    text=ANY_TEXT,
    authors=st.lists(ANY_TEXT, max_size=2),
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_a_feed_entry_comes_back_as_it_went(text: str, authors: list[str], published: datetime | None) -> None:
    given_entry = make_feed_entry(title=text, summary=text, authors=tuple(authors), published=published)
    back = feed_entry_from_json(feed_entry_to_json(given_entry))
    assert back == make_feed_entry(
        title=storable(text), summary=storable(text), authors=tuple(map(storable, authors)), published=published
    )
