"""When an article was published: what pages write, read as UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Outlets' clocks and time zones are wrong by this much at most before a date is not believed (issue 4).
AHEAD = timedelta(hours=1)
#: No news page is older than the web (RELIABILITY.md Q22).
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a page gave it, in UTC. `exact` when the page named both the hour and the offset."""

    at: datetime
    exact: bool


def read_moment(written: str) -> Moment | None:
    """Read an ISO 8601 or RFC 5322 time; without an offset it is taken as UTC and marked as not exact."""
    written = written.strip()[:64]
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        try:
            at = parsedate_to_datetime(written)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    exact = at.tzinfo is not None and ":" in written
    try:
        return Moment(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), exact)
    except OverflowError:  # year 1 or 9999 with an offset that leaves the calendar
        return None


def choose_published(
    page: Moment | None, feed: datetime | None, fetched_at: datetime
) -> tuple[datetime | None, str | None]:
    """Choose the believable time and its origin: an exact one of the page, the feed's, a vague one of the page.

    A time before 1990 or over an hour after the fetch is not believed.
    """
    offers: list[tuple[datetime | None, str]] = [(feed, "feed"), (page.at if page else None, "page")]
    if page and page.exact:
        offers.reverse()
    for offered, origin in offers:
        if offered is None:
            continue
        at = offered.astimezone(UTC) if offered.tzinfo else offered.replace(tzinfo=UTC)
        if EARLIEST <= at <= fetched_at + AHEAD:
            return at, origin
    return None, None
