"""What an answer's status and headers ask of us. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason

#: A server may ask for silence; one that asks for more than a day is asked again after a day.
LONGEST_WAIT = timedelta(days=1)


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """Return the moment a `Retry-After` names (seconds or a date, RFC 9110 section 10.2.3), at most a day ahead."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return now + min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a zone of +9999999999 overflows
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(moment, now + LONGEST_WAIT) if moment > now else None


def judge(status: int, headers: Mapping[str, str], now: datetime) -> Dropped | Deferred | None:
    """Return what a final status means for whoever asked; None when the answer is usable (2xx, 304)."""
    until = retry_after(headers.get("retry-after"), now)
    match status:
        case 304 | 200 | 201 | 202 | 203 | 204 | 205 | 206 | 226:
            return None
        case 404:
            return Deferred(RetryReason.NOT_FOUND, f"HTTP {status}", until)
        case 410:
            return Dropped(DropReason.GONE, f"HTTP {status}")
        case 408:
            return Deferred(RetryReason.TIMEOUT, f"HTTP {status}", until)
        case 421:  # this connection leads to another server (RFC 9110 section 15.5.20); the next one may not
            return Deferred(RetryReason.REFUSED, f"HTTP {status}", until)
        case 425 | 429:
            return Deferred(RetryReason.RATE_LIMITED, f"HTTP {status}", until)
        case 503 if until is not None:
            return Deferred(RetryReason.RATE_LIMITED, f"HTTP {status}", until)
        case _ if 400 <= status < 500:
            return Dropped(DropReason.HTTP_4XX, f"HTTP {status}")
        case _:
            return Deferred(RetryReason.HTTP_5XX, f"HTTP {status}", until)


def content_type(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """Return media type (lower case, "" when absent) and charset label of a `Content-Type` header."""
    value = headers.get("content-type", "")
    media, *parameters = value.split(";")
    for parameter in parameters:
        name, _, label = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media.strip().lower(), label.strip().strip("\"'") or None
    return media.strip().lower(), None
