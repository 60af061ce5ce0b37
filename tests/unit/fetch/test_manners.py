"""What an answer's status and headers ask of us."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason
from workers.fetch.manners import content_type, judge, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("86400", DAY_S),
        ("86401", DAY_S),
        ("99999999999999999999", DAY_S),
        ("9" * 5_000, DAY_S),
        ("Sun, 01 Mar 2026 12:30:00 GMT", 1_800.0),
        ("Sun, 01 Mar 2026 14:30:00 +0200", 1_800.0),
        ("Sun, 01 Mar 2026 12:30:00", 1_800.0),
        ("Fri, 31 Dec 2100 00:00:00 GMT", DAY_S),
        ("Sun, 01 Mar 2026 11:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("1e9", None),
        ("١٢٠", None),
        ("Sun, 99 Foo 2026 12:30:00 GMT", None),
        ("Sun, 01 Mar 99999 12:30:00 GMT", None),
        ("Sun, 01 Mar 2026 12:30:00 +9999999999999", None),
    ],
)
def test_retry_after_asks_for_seconds_a_day_at_most(value: str | None, expected: float | None) -> None:
    assert retry_after(value, NOW) == expected


@given(st.one_of(st.text(), st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} (Jan|Feb|Foo) \d{1,6} [\d:]{1,9} [+-]?\d{0,9}")))
def test_retry_after_never_raises_and_never_asks_for_more_than_a_day(value: str) -> None:
    wait_s = retry_after(value, NOW)
    assert wait_s is None or 0 <= wait_s <= DAY_S


USABLE = {200, 201, 202, 203, 204, 205, 206, 226, 304}
SPECIAL = {
    404: Deferred(RetryReason.NOT_FOUND, "HTTP 404"),
    410: Dropped(DropReason.GONE, "HTTP 410"),
    408: Deferred(RetryReason.TIMEOUT, "HTTP 408"),
    421: Deferred(RetryReason.REFUSED, "HTTP 421"),
    425: Deferred(RetryReason.RATE_LIMITED, "HTTP 425"),
    429: Deferred(RetryReason.RATE_LIMITED, "HTTP 429"),
}


@pytest.mark.parametrize("status", range(100, 1000))
def test_every_status_has_one_meaning(status: int) -> None:
    ending = judge(status, {}, NOW)
    if status in USABLE:
        assert ending is None
    elif status in SPECIAL:
        assert ending == SPECIAL[status]
    elif 400 <= status < 500:
        assert ending == Dropped(DropReason.HTTP_4XX, f"HTTP {status}")
    else:
        assert ending == Deferred(RetryReason.HTTP_5XX, f"HTTP {status}")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (503, RetryReason.RATE_LIMITED),
        (429, RetryReason.RATE_LIMITED),
        (408, RetryReason.TIMEOUT),
        (404, RetryReason.NOT_FOUND),
        (500, RetryReason.HTTP_5XX),
    ],
)
def test_a_server_that_names_a_moment_is_left_alone_until_then(status: int, reason: RetryReason) -> None:
    assert judge(status, {"retry-after": "90"}, NOW) == Deferred(reason, f"HTTP {status}", 90.0)


@pytest.mark.parametrize("value", ["later", "", "-5", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_503_that_names_no_moment_to_come_is_a_server_error(value: str) -> None:
    assert judge(503, {"retry-after": value}, NOW) == Deferred(RetryReason.HTTP_5XX, "HTTP 503")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("", None)),
        ("", ("", None)),
        ("text/html", ("text/html", None)),
        ("Text/HTML ; Charset=UTF-8", ("text/html", "UTF-8")),
        ('text/html; charset="windows-1256"', ("text/html", "windows-1256")),
        ("text/html; charset='koi8-r'; x=y", ("text/html", "koi8-r")),
        ("text/html; boundary=x; charset=gbk", ("text/html", "gbk")),
        ("text/html; charset=", ("text/html", None)),
        ("text/html; charset", ("text/html", None)),
        (";charset=utf-8", ("", "utf-8")),
    ],
)
def test_content_type_is_split(value: str | None, expected: tuple[str, str | None]) -> None:
    assert content_type({} if value is None else {"content-type": value}) == expected
