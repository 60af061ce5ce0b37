"""How a step can end, by type, and the closed lists of reasons.

A step returns `Advanced | Unchanged | Dropped | Deferred | Failed`; the ledger writes it down, once, in one place
(`workers/store/ledger.py`). mypy proves that no ending is forgotten.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

T_co = TypeVar("T_co", covariant=True)


class State(StrEnum):
    """The last *completed* step of an entry. "In progress" is only a lease on the row."""

    DISCOVERED = "discovered"
    FETCHED = "fetched"
    EXTRACTED = "extracted"
    CLASSIFIED = "classified"
    DROPPED = "dropped"
    QUARANTINED = "quarantined"

    @property
    def is_final(self) -> bool:
        """Nothing more happens to the entry by itself."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.CLASSIFIED, State.DROPPED, State.QUARANTINED})


class DropReason(StrEnum):
    """Why a discovered link did not become an article. Closed: the ledger refuses any other word."""

    GONE = "gone"  # 410, or 404 at three tries over a day
    HTTP_4XX = "http_4xx"  # another 4xx: login, forbidden, paywall at the door
    NOT_HTML = "not_html"
    TOO_LARGE = "too_large"
    EMPTY = "empty"  # a usable status, and nothing in the body
    BAD_URL = "bad_url"  # not http(s), no host, credentials inside
    BLOCKED_ADDRESS = "blocked_address"  # the name leads to an address that is not public
    REDIRECT_LOOP = "redirect_loop"  # more hops than are allowed
    DISALLOWED = "disallowed"  # by robots.txt
    SAME_URL = "same_url"  # its redirect or its rel=canonical leads to an entry that we have: a sighting of that one
    NO_TEXT = "no_text"
    NOT_AN_ARTICLE = "not_an_article"
    BY_OPERATOR = "by_operator"


class RetryReason(StrEnum):
    """Why a step will be tried again at the due time kept in the store."""

    TIMEOUT = "timeout"
    DNS = "dns"  # no such name, or no answer
    REFUSED = "refused"  # connection refused, reset, no route
    TLS = "tls"  # certificate or handshake
    HTTP_5XX = "http_5xx"
    RATE_LIMITED = "rate_limited"  # 429, or 503 with Retry-After
    NOT_FOUND = "not_found"  # 404, which is often a page that is not there yet
    BROKEN_BODY = "broken_body"  # cut off, or does not decode
    WAITING = "waiting"  # its host's turn has not come: no try was made


class QuarantineReason(StrEnum):
    """Why an entry was set aside with its payload, for a person to look at."""

    CRASHED = "crashed"  # every try started and none came back: the input kills its process
    BUG = "bug"  # an error that nobody expected, with its traceback
    UNREACHABLE = "unreachable"  # every retry was spent
    UNSTORABLE = "unstorable"  # the store refuses the value


class FeedOutcome(StrEnum):
    """How one poll of a source ended. Counted on the source row."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"  # 304, or the body has the same hash
    EMPTY = "empty"  # a feed without entries
    NOT_A_FEED = "not_a_feed"  # HTML or something else
    CUT_OFF = "cut_off"  # the document ends in the middle; its whole entries were taken
    TOO_LARGE = "too_large"
    GONE = "gone"
    HTTP_4XX = "http_4xx"
    BAD_URL = "bad_url"
    BLOCKED_ADDRESS = "blocked_address"
    REDIRECT_LOOP = "redirect_loop"
    DISALLOWED = "disallowed"
    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    TLS = "tls"
    HTTP_5XX = "http_5xx"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    BROKEN_BODY = "broken_body"
    BUG = "bug"
    CRASHED = "crashed"  # the process that polled it died: it is polled alone until a poll ends

    @property
    def is_success(self) -> bool:
        """The source answered as a feed does."""
        return self in {FeedOutcome.OK, FeedOutcome.NOT_MODIFIED, FeedOutcome.EMPTY}


@dataclass(frozen=True, slots=True)
class Advanced(Generic[T_co]):
    """The step is complete; `value` is what the next step reads."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Dropped:
    """The entry ends here, for a reason that is nobody's fault."""

    reason: DropReason
    detail: str = ""
    same_as: UUID | None = None  # the entry that it is the same article as


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect: the status that asked for it and the URL that it leads to."""

    status: int
    url: str

    @property
    def is_permanent(self) -> bool:
        """The other side says that the old URL is not to be used again (RFC 9110 sections 15.4.2 and 15.4.9)."""
        return self.status in {301, 308}


@dataclass(frozen=True, slots=True)
class Deferred:
    """Try again. `wait_s` is a wish of the other side (Retry-After), in seconds; without it the ledger's back-off
    decides.

    Seconds and no moment: the ledger adds them to its own clock, and the machines' clocks need not agree with it.
    `hops`: redirects followed before it had to wait; the next try goes on from the last of them.
    """

    reason: RetryReason
    detail: str = ""
    wait_s: float | None = None
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A look at a page that we have brought nothing new."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Cannot succeed, or nobody expected it: few tries, then quarantine with the cause."""

    reason: QuarantineReason
    detail: str = ""


Outcome = Advanced[T_co] | Unchanged | Dropped | Deferred | Failed
