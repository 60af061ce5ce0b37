"""What an answer's status and headers ask of us. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason

#: A server may ask for silence; one that asks for more than a day is asked again after a day.
LONGEST_WAIT_S = 86_400.0


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for (seconds or a date, RFC 9110 section 10.2.3), at most a day."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a zone of +9999999999 overflows
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min((moment - now).total_seconds(), LONGEST_WAIT_S) if moment > now else None


def judge(status: int, headers: Mapping[str, str], now: datetime) -> Dropped | Deferred | None:
    """Return what a final status means for whoever asked; None when the answer is usable (2xx, 304)."""
    wait_s = retry_after(headers.get("retry-after"), now)
    match status:
        case 304 | 200 | 201 | 202 | 203 | 204 | 205 | 206 | 226:
            return None
        case 404:
            return Deferred(RetryReason.NOT_FOUND, f"HTTP {status}", wait_s)
        case 410:
            return Dropped(DropReason.GONE, f"HTTP {status}")
        case 408:
            return Deferred(RetryReason.TIMEOUT, f"HTTP {status}", wait_s)
        case 421:  # this connection leads to another server (RFC 9110 section 15.5.20); the next one may not
            return Deferred(RetryReason.REFUSED, f"HTTP {status}", wait_s)
        case 425 | 429:
            return Deferred(RetryReason.RATE_LIMITED, f"HTTP {status}", wait_s)
        case 503 if wait_s is not None:
            return Deferred(RetryReason.RATE_LIMITED, f"HTTP {status}", wait_s)
        case _ if 400 <= status < 500:
            return Dropped(DropReason.HTTP_4XX, f"HTTP {status}")
        case _:
            return Deferred(RetryReason.HTTP_5XX, f"HTTP {status}", wait_s)


def content_type(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """Return media type (lower case, "" when absent) and charset label of a `Content-Type` header."""
    value = headers.get("content-type", "")
    media, *parameters = value.split(";")
    for parameter in parameters:
        name, _, label = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media.strip().lower(), label.strip().strip("\"'") or None
    return media.strip().lower(), None
