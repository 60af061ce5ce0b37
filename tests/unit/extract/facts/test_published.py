import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from workers.extract.facts.moments import Moment, read_moment
from workers.extract.facts.published import choose_published, choose_updated, date_in_url

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
FEED = datetime(2024, 5, 6, 9, tzinfo=UTC)


def read(*written: str) -> list[tuple[Moment, str]]:
    places = ("json-ld", "meta", "time")
    return [(moment, where) for text, where in zip(written, places, strict=False) if (moment := read_moment(text))]


@pytest.mark.parametrize(
    ("page", "feed", "chosen", "origin"),
    [
        (["2024-05-06T10:00:00Z"], FEED, "2024-05-06T10:00:00+00:00", "json-ld"),
        (["2024-05-06"], FEED, FEED.isoformat(), "feed"),
        (["2024-05-06"], None, "2024-05-06T00:00:00+00:00", "json-ld"),
        (["2024-05-06", "2024-05-06T08:00:00Z"], FEED, "2024-05-06T08:00:00+00:00", "meta"),
        (["2024-05-06", "2024-01-01T08:00:00Z"], None, "2024-05-06T00:00:00+00:00", "json-ld"),
        (["2024-05-06T13:30:00Z"], FEED, FEED.isoformat(), "feed"),
        (["2024-05-06T12:59:00Z"], FEED, "2024-05-06T12:59:00+00:00", "json-ld"),
        (["1970-01-01T00:00:00Z"], None, None, None),
        ([""], NOW + timedelta(hours=2), None, None),
        ([""], FEED.replace(tzinfo=None), FEED.isoformat(), "feed"),
    ],
)
def test_the_exact_time_of_the_page_comes_first_and_none_lies_over_an_hour_ahead(
    page: list[str], feed: datetime | None, chosen: str | None, origin: str | None
) -> None:
    at, found = choose_published(read(*page), feed, NOW)
    assert (at.isoformat() if at else None, found) == (chosen, origin)


@pytest.mark.parametrize(
    ("written", "chosen"),
    [
        ("2024-05-06T10:00:00Z", "json-ld"),
        ("2024-05-06T08:00:00Z", None),
        ("2024-05-06T14:00:00Z", None),
    ],
)
def test_an_update_lies_between_the_publication_and_the_fetch(written: str, chosen: str | None) -> None:
    assert choose_updated(read(written), FEED, NOW)[1] == chosen


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://x.test/2024/05/06/a", "2024-05-06"),
        ("https://x.test/2024/5/6/a", "2024-05-06"),
        ("https://x.test/a-20240506", "2024-05-06"),
        ("https://x.test/2024-05/06/c_1.htm", "2024-05-06"),
        ("https://x.test/202405/06/c_1.htm", "2024-05-06"),
        ("https://x.test/fa/1403-02-17/a", "2024-05-06"),
        ("https://x.test/a/123456789", None),
        ("https://x.test/2024/99/99/a", None),
        ("https://x.test/?d=2024/05/06", None),
        ("http://[", None),
    ],
)
def test_the_day_in_an_address_is_read(url: str, day: str | None) -> None:
    moment = date_in_url(url)
    assert (moment.at.date().isoformat() if moment else None) == day


SEARCHED = """
import sys
from datetime import UTC, datetime
from workers.extract.page import read_page
page = "<html lang=en><body><p>{written}</p><p>The bank kept its rate at four per cent, it said.</p></body></html>"
for written in ("Lunes, 6 de mayo de 2024 a las 10:30", "By A. Writer Nov. 18th 2023 8:54", "4. huhtikuuta 2024 noin"):
    facts = read_page(page.format(written=written), "https://x.test/a", fetched_at=datetime(2024, 6, 1, tzinfo=UTC))
    print(*(moment.at.date() for moment, _ in facts.dates.published))
print("dateparser" in sys.modules)
"""


def test_a_search_for_dates_needs_no_library_of_45_mb() -> None:
    # in a process of its own, since another test may have loaded it
    run = subprocess.run([sys.executable, "-c", SEARCHED], capture_output=True, text=True, check=True)
    first, second, _, loaded = run.stdout.split("\n")[:4]
    assert (first, second, loaded) == ("2024-05-06", "2023-11-18", "False")
