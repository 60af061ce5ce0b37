"""What travels along the path, each value named by its moment:

Source -> Entry -> Page -> Article -> Flag -> Change
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from workers.domain.outcomes import Hop


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What is watched, as the operator describes it (facts, no score)."""

    id: str
    name: str
    url: str
    language: str  # ISO 639-1, what the outlet says of itself
    country: str  # ISO 3166-1 alpha-2 of the outlet's seat
    owner: str
    state_owned: bool
    kind: str = "feed"  # feed | sitemap | listing
    links: str = ""  # of a listing: which links are articles (a regular expression in RE2's syntax)
    obeys_robots: bool = True
    revisited: bool = True  # its articles are looked at again for edits


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedEntry:
    """One entry as a feed gave it: not yet known to be new."""

    key: str  # the feed's own id of the entry, else its link
    url: str  # absolute, http or https
    title: str = ""
    summary: str = ""  # plain text
    published: datetime | None = None
    updated: datetime | None = None
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A discovered link with its row in the ledger, as a step receives it."""

    id: UUID
    source: Source
    url: str
    feed: FeedEntry
    discovered_at: datetime
    attempt: int  # 1 at the first try
    failures: int = 0  # earlier tries that failed in a way that nobody expected
    not_found: int = 0  # earlier tries that ended with 404
    hops: tuple[Hop, ...] = ()  # redirects that earlier tries followed
    version: int = 0  # of the article that was published last; 0: none yet
    seen: "Seen | None" = None  # what the last look at the page brought


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The page at an earlier look: what makes a request conditional, and what says that nothing changed."""

    body_sha: str | None = None  # sha256 hex
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the outlet answered: raw bytes, decoded of transfer and content coding only."""

    url: str  # after redirects
    status: int
    content_type: str
    charset: str | None  # as the header names it
    body: bytes
    fetched_at: datetime
    etag: str | None = None
    last_modified: str | None = None
    hops: tuple[Hop, ...] = ()  # redirects that led here


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """Clean text, with the provenance of each fact."""

    title: str
    text: str  # NFC, paragraphs separated by a newline
    language: str  # detected, ISO 639-1; "und" when nothing is sure
    language_confidence: float  # 0..1
    url: str
    canonical_url: str | None = None
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    published_from: str | None = None  # page | feed
    quality: str = "full"  # full (from the page) | summary (the page gave none, this is the feed's)
    extractor: str = ""  # name and version


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A span of the stored text that raised a flag: `getattr(article, field)[start:end] == text`."""

    field: str  # title | text
    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """What the classifier says of one topic for one article."""

    topic: str
    probability: float  # 0..1
    flagged: bool  # probability reaches the pack's threshold
    evidence: tuple[Evidence, ...] = ()
    pack_version: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """Every flag with any evidence, and what made them. No flag is a result, not a failure."""

    flags: tuple[Flag, ...] = ()
    model: str = ""  # name and version of the classifier
