import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from lxml.html import document_fromstring

from workers.extract.facts.moments import Moment, read_moment
from workers.extract.facts.published import choose_published, choose_updated, date_in_url, find_dates
from workers.extract.facts.stated import read_stated

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


def published(
    body: str, head: str = "", url: str = "https://news.example.com/a", *, search: bool = True
) -> tuple[str, str] | None:
    """Return the time that is found on a page fetched at `NOW`, and where."""
    tree = document_fromstring(f"<html><head>{head}</head><body>{body}</body></html>")
    found = find_dates(tree, read_stated(tree, url), url, NOW, search=search).published
    at, where = choose_published(found, None, NOW)
    return (at.strftime("%Y-%m-%d %H:%M"), where) if at and where else None


ENGLISH = "<p>The minister told reporters in the capital that the work on the bridge would go on all summer.</p>" * 3
FRENCH = "<p>Le ministre a déclaré aux journalistes que les travaux du pont se poursuivraient tout l'été.</p>" * 3


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-06 19:40:00", "2024-05-06 12:00"),  # in Beijing; only the hour is lost
        ("2024-05-07", "2024-05-06 12:00"),
        ("2024-05-06 10:40:00", "2024-05-06 10:40"),
        ("2024-05-06T19:40:00Z", None),
        ("2024-05-07 02:30:00", None),
    ],
)
def test_a_local_time_of_the_east_is_not_in_the_future(written: str, expected: str | None) -> None:
    found = published(ENGLISH, f'<meta name=publishdate content="{written}">', search=False)
    assert found == ((expected, "meta") if expected else None)


@pytest.mark.parametrize(
    ("written", "body", "url", "day"),
    [
        ("05/04/2024", FRENCH, "https://site.example.com/a", "2024-04-05"),
        ("05/04/2024", ENGLISH, "https://site.example.com/a", "2024-05-04"),  # the fresh one
        ("04/05/2024", ENGLISH, "https://site.example.com/a", "2024-05-04"),
        ("05/04/2024", ENGLISH, "https://site.example.com/2024/04/05/a", "2024-04-05"),
        ("05/04/2024", FRENCH, "https://site.example.com/2024/05/04/a", "2024-05-04"),
        ("05/04/2024", ENGLISH, "https://site.example.co.uk/a", "2024-04-05"),
        ("04/07/2024", ENGLISH, "https://site.example.com/a", "2024-04-07"),  # the other one is to come
        ("05/04/2019", ENGLISH, "https://site.example.com/a", "2019-05-04"),  # as in the United States
    ],
)
def test_day_and_month_are_told_by_the_address_the_language_and_the_fetch(
    written: str, body: str, url: str, day: str
) -> None:
    found = published(body, f'<meta name=date content="{written} 10:30">', url)
    assert found is not None
    assert found[0] == f"{day} 10:30"


def test_a_line_under_the_headline_is_read_with_day_and_month_likewise() -> None:
    assert published(f"<h1>Bridge</h1><span class=date>05/04/2024 10:30</span>{ENGLISH}") == (
        "2024-05-04 10:30",
        "text",
    )


@pytest.mark.parametrize(
    "card",
    [
        "<div class=item><span class=date>3 January 2020</span><a href=/o>An old story of the past</a></div>",
        "<ul><li><a href=/o>An old story of the past<span class=date>3 January 2020</span></a></li></ul>",
        "<div><h3><a href=/o>An old story of the past</a></h3><p><span class=date>3 January 2020</span></p></div>",
    ],
)
def test_the_date_of_another_story_is_not_the_articles(card: str) -> None:
    assert published(f"<h1>Bridge</h1>{ENGLISH}<div class=side>{card}</div>") is None
    line = "<div class=info>By <a href=/w>A. Writer</a><span class=date>3 May 2024</span></div>"
    assert published(f"<div>{card}</div><h1>Bridge</h1>{line}{ENGLISH}") == ("2024-05-03 00:00", "text")
