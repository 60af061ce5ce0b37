from datetime import UTC, datetime, timedelta

import pytest

from workers.extract.dates import choose_published, read_moment
from workers.extract.titles import choose_title

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
FEED = datetime(2024, 5, 6, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "utc", "exact"),
    [
        ("2024-05-06T10:00:00Z", "2024-05-06T10:00:00+00:00", True),
        ("2024-05-06T10:00:00+0330", "2024-05-06T06:30:00+00:00", True),
        ("2024-05-06 10:00", "2024-05-06T10:00:00+00:00", False),
        ("2024-05-06", "2024-05-06T00:00:00+00:00", False),
        ("Mon, 06 May 2024 10:00:00 +0300", "2024-05-06T07:00:00+00:00", True),
    ],
)
def test_a_written_time_is_read_as_utc(written: str, utc: str, exact: bool) -> None:
    moment = read_moment(written)
    assert moment is not None
    assert (moment.at.isoformat(), moment.exact) == (utc, exact)


@pytest.mark.parametrize(
    "written", ["", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "99999-01-01", "\x00"]
)
def test_what_is_no_time_of_this_calendar_is_none(written: str) -> None:
    assert read_moment(written) is None


@pytest.mark.parametrize(
    ("page", "feed", "chosen", "origin"),
    [
        ("2024-05-06T10:00:00Z", FEED, "2024-05-06T10:00:00+00:00", "page"),
        ("2024-05-06", FEED, FEED.isoformat(), "feed"),
        ("2024-05-06", None, "2024-05-06T00:00:00+00:00", "page"),
        ("2024-05-06T13:30:00Z", FEED, FEED.isoformat(), "feed"),
        ("2024-05-06T12:59:00Z", FEED, "2024-05-06T12:59:00+00:00", "page"),
        ("1970-01-01T00:00:00Z", None, None, None),
        ("", NOW + timedelta(hours=2), None, None),
        ("", FEED.replace(tzinfo=None), FEED.isoformat(), "feed"),
    ],
)
def test_the_exact_time_of_the_page_comes_first_and_none_lies_over_an_hour_ahead(
    page: str, feed: datetime | None, chosen: str | None, origin: str | None
) -> None:
    at, found = choose_published(read_moment(page), feed, NOW)
    assert (at.isoformat() if at else None, found) == (chosen, origin)


@pytest.mark.parametrize(
    ("page", "feed", "title"),
    [
        pytest.param(["A deal - The Example"], "", "A deal", id="the outlet's name is cut off"),
        pytest.param(["The Example | A deal | example.org"], "", "A deal", id="on both ends"),
        pytest.param(["Ankara - Athens: a deal"], "", "Ankara - Athens: a deal", id="a dash of the headline stays"),
        pytest.param(["The Example", "Home"], "A deal", "A deal", id="the feed's when the page names the outlet only"),
        pytest.param([], "A deal", "A deal", id="the feed's when the page has none"),
        pytest.param(["A deal on grain and …"], "A deal on grain and parts", "A deal on grain and parts", id="cut off"),
        pytest.param(["A deal on grain"], "A deal on …", "A deal on grain", id="the feed's is cut off"),
        pytest.param(["The Example"], "", "", id="nothing names it"),
    ],
)
def test_the_headline_is_chosen(page: list[str], feed: str, title: str) -> None:
    assert choose_title(page, feed, site_names=["The Example", "example.org"]) == title
