"""What feeds say of time, from the newsroom to the readers: believed or left out, and never part of an identity."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from config.settings import Settings, changed
from tests.hostile import page
from tests.making import make_source, run_sql
from tests.manners import Outlet
from tests.readers import read_changes
from workers.bootstrap import Steps, make_http_api
from workers.domain.outcomes import FeedOutcome
from workers.operate.chaos.newsroom import page as page_of
from workers.store.changes import number, take_relay_lock
from workers.store.schema import source

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(minutes=30)  # within the hour by which outlets' clocks may be ahead
LATER = NOW + timedelta(hours=3)

#: What stands in <pubDate>, and what readers get. None: no time at all.
DATES: list[tuple[str, datetime | None]] = [
    ("Mon, 06 May 2024 10:00:00 GMT", datetime(2024, 5, 6, 10, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 +1400", datetime(2024, 5, 5, 20, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 -1200", datetime(2024, 5, 6, 22, tzinfo=UTC)),
    ("2024-05-06T10:00:00+05:45", datetime(2024, 5, 6, 4, 15, tzinfo=UTC)),
    ("Mon, 01 Jan 1990 00:00:00 GMT", datetime(1990, 1, 1, tzinfo=UTC)),
    (format_datetime(SOON), SOON),
    # not believed: no feed is older than 1990, and no article was published later than an hour after it was fetched
    (format_datetime(LATER), None),
    ("Sun, 31 Dec 1989 23:59:59 GMT", None),
    ("Mon, 01 Jan 1990 00:00:00 +1400", None),
    ("Mon, 01 Jan 0001 00:00:00 GMT", None),
    ("Mon, 01 Jan 0001 00:00:00 +1400", None),
    ("0001-01-01T00:00:00Z", None),
    ("0000-00-00T00:00:00Z", None),
    ("Fri, 31 Dec 9999 23:59:59 GMT", None),
    ("Fri, 31 Dec 9999 23:59:59 -1200", None),
    ("9999-12-31T23:59:59-12:00", None),
    ("99999-01-01T00:00:00Z", None),
    ("99999-01-01", None),
    # no dates at all
    ("", None),
    (" ", None),
    ("Fri, 30 Feb 2024 10:00:00 GMT", None),
    ("Mon, 06 May 2024 25:61:61 GMT", None),
    ("yesterday, at tea", None),
    ("NaN", None),
    ("1e400", None),
    ("-1", None),
    ("9" * 400, None),
    ("\u202e\u0660\u0661", None),
    # a day that there is not may be counted on into the next month, an absurd offset as it is written; or no time
    ("2024-02-30T10:00:00Z", datetime(2024, 3, 1, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 +99:99", datetime(2024, 5, 6, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 -2400", datetime(2024, 5, 6, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 +9999", datetime(2024, 5, 6, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 -99999999999999999999", datetime(2024, 5, 6, tzinfo=UTC)),
    ("2024-05-06T10:00:00+99:99", datetime(2024, 5, 6, tzinfo=UTC)),
    ("2024-05-06T10:00:00-24:00", datetime(2024, 5, 6, tzinfo=UTC)),
    ("Mon, 06 May 2024 10:00:00 (tea) GMT <junk>", datetime(2024, 5, 6, tzinfo=UTC)),
    ("Xyz, 06 May 2024 10:00:00 QQQ", datetime(2024, 5, 6, tzinfo=UTC)),
]
#: So far a made-up offset may move a moment, in hours.
ABSURD_H = 5 * 24
FIRST_ABSURD = next(place for place, (written, _) in enumerate(DATES) if "02-30" in written)


def feed(base: str, dates: list[str]) -> bytes:
    items = "".join(
        f"<item><title>Story {place}</title><link>{base}/news/{place}</link><guid>story-{place}</guid>"
        f"<pubDate>{escape(written)}</pubDate></item>"
        for place, written in enumerate(dates)
    )
    return f'<rss version="2.0"><channel><title>Agency</title>{items}</channel></rss>'.encode()


@pytest.fixture
def steps(engine: Engine, database_url: str) -> Iterator[tuple[Steps, Outlet]]:
    with Outlet() as outlet:
        for place in range(len(DATES)):
            outlet.pages[f"/news/{place}"] = page(page_of(place).encode())
        settings = changed(
            Settings(),
            database_url=SecretStr(database_url),
            allow_addresses=[outlet.pair],
            host_delay_s=0,
            revisit_after_s=[],
        )
        made = Steps(settings)
        made.sources.sync([make_source(url=f"{outlet.url}/rss")])
        yield made, outlet
        made.loop.close()
        made.close()
    engine.dispose()


def poll(steps: Steps, outlet: Outlet, engine: Engine, dates: list[str]) -> list[str]:
    """Serve a feed with these dates, poll it, and bring what is new through; return the outcome that is counted."""
    outlet.pages["/rss"] = page(feed(outlet.url, dates), content_type="application/rss+xml")
    run_sql(engine, "UPDATE source SET not_before = now()")

    found: list[UUID] = []
    fetched: list[UUID] = []
    steps.poll(["agency"], found.extend)
    steps.fetch(found, fetched.extend)
    steps.classify(steps.extract(fetched))
    with engine.begin() as connection:
        assert take_relay_lock(connection)
        number(connection)
        return list(connection.execute(select(source.c.outcomes)).scalar_one())


def test_dates_are_believed_or_left_out_and_change_nothing_else(engine: Engine, steps: tuple[Steps, Outlet]) -> None:
    desk, outlet = steps
    written = [one for one, _ in DATES]
    assert poll(desk, outlet, engine, written) == [FeedOutcome.OK]
    api = make_http_api(desk.settings)
    first = read_changes(api)
    assert [one["seq"] for one in first] == list(range(1, len(DATES) + 1)), "each link has its number, in order"
    found = {int(re.findall(r"\d+$", one["data"]["article"]["url"])[0]): one["data"]["article"] for one in first}
    for place, (text, expected) in enumerate(DATES):
        said = found[place]["published"]
        at = datetime.fromisoformat(said) if said else None
        if place < FIRST_ABSURD:
            assert at == expected, text
        else:
            assert expected is not None
            assert at is None or abs(at - expected) <= timedelta(hours=ABSURD_H), text
        assert found[place]["published_from"] == ("feed" if at else None), text
        assert at is None or datetime(1990, 1, 1, tzinfo=UTC) <= at <= NOW + timedelta(hours=2)

    # the same links with other dates: the same entries, and nothing to tell
    assert poll(desk, outlet, engine, [*written[1:], written[0]]) == [FeedOutcome.OK]
    again = read_changes(api)
    assert again == first
    with engine.connect() as connection:
        for table in ("entry", "sighting", "article"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == len(DATES), table
