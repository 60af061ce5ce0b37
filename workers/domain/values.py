"""What travels along the path, each value named by its moment:

Source -> Entry -> Page -> Article -> Flag -> Change
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A feed that is watched, as the operator describes it (facts, no score)."""

    id: str
    name: str
    url: str
    language: str  # ISO 639-1, what the outlet says of itself
    country: str  # ISO 3166-1 alpha-2 of the outlet's seat
    owner: str
    state_owned: bool


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the outlet answered: raw bytes, decoded of transfer and content coding only."""

    url: str  # after redirects
    status: int
    content_type: str
    charset: str | None  # as the header names it
    body: bytes
    fetched_at: datetime


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
    quality: str = "full"  # full | fast | summary: the rung of the ladder that gave the text
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """Where an article stands among those already stored."""

    text_sha: str  # sha256 hex of the folded text
    duplicate_of: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What is remembered of one host, to be polite to it."""

    name: str
    next_allowed_at: datetime
    extra: dict[str, str] = field(default_factory=dict)
