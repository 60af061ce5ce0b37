"""What travels along the path, each value named by its moment:

Source -> Entry -> Page -> Article -> Flag -> Change
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from workers.domain.outcomes import Hop


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractRules:
    """How an operator says a source's pages are read: selectors, of each field in the order in which they are tried.

    A selector is CSS, or XPath 1.0 when it begins with `/`, `./` or `(` (`workers.domain.selectors`).
    """

    body: tuple[str, ...] = ()  # the text is taken from these elements only
    remove: tuple[str, ...] = ()  # these elements go before anything else is read
    title: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


NO_RULES = ExtractRules()


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
    extract: ExtractRules = NO_RULES


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
    repeated: frozenset[str] = frozenset()  # hashes of the blocks that repeat on the source's pages


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
    published_from: str | None = None  # json-ld | meta | time | url | feed | text | rule
    quality: str = "full"  # full (from the page) | summary (the page gave none, this is the feed's)
    extractor: str = ""  # name, version and settings
    rung: str = ""  # which attempt of the extractor's ladder gave the text (`workers.extract.ladder.Rung`)
    rung_why: str = ""  # why that one
    updated: datetime | None = None
    updated_from: str | None = None  # json-ld | meta | time
    section: str = ""  # the outlet's own
    page_language: str | None = None  # what the page says of itself, as written
    dateline_place: str = ""  # where the report was filed from, as written
    dateline_agency: str = ""  # the agency that the dateline names, by its one name (`workers.extract.facts.wire`)
    wire_credit: str = ""  # the agency whose copy it is, by its one name
    image: str | None = None  # absolute address
    is_paywalled: bool = False  # the page says that readers must pay; its text may be the free beginning
    removed: tuple[str, ...] = ()  # hashes of the repeated blocks that were taken out of the text


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatedBlock:
    """A paragraph that repeats on the pages of one source and is none of its stories."""

    hash: str  # of the paragraph, folded (`workers.extract.repeats.block_hash`)
    sample: str  # its first characters, as seen last
    articles: int  # different stories that had it ...
    of: int  # ... of so many that were looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleTried:
    """What one selector of a source's rules found on one page."""

    field: str  # body | remove | title | author | published
    selector: str
    matches: int
    gave: str  # the beginning of what it found first


@dataclass(frozen=True, kw_only=True, slots=True)
class PastText:
    """What a source's earlier article read, for learning which blocks repeat."""

    title: str
    text: str
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSpan:
    """A piece of the stored article: `getattr(article, field)[start:end] == text`, in Unicode characters."""

    field: str  # title | text
    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence(TextSpan):
    """A span that raised a flag: what fired, and how much it counts."""

    rule: str = ""  # the term as the pack writes it, or a rule of the pack: "border + together within 8"
    weight: float = 0.0  # points times place (title, lead, body), two digits; repeats count less


#: How a probability is read: raised, worth a person's look, or neither. The pack says where each begins.
Band = Literal["flagged", "uncertain", "not flagged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """What the classifier says of one topic for one article."""

    topic: str
    probability: float  # 0..1
    band: Band
    flagged: bool  # the band is "flagged": the probability reaches the pack's threshold
    evidence: tuple[Evidence, ...] = ()  # the strongest first
    sentence: TextSpan | None = None  # around the strongest evidence
    pack_version: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedCountry:
    """A country that an article names."""

    code: str  # ISO 3166-1 alpha-2
    count: int  # mentions
    share: float  # of the weight of all mentions of countries, 0..1; one in the title weighs most
    spans: tuple[TextSpan, ...]  # of the first mentions


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedOrganisation:
    """An international organisation that an article names."""

    id: str  # one of `workers.domain.organisations`
    count: int
    spans: tuple[TextSpan, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryPair:
    """Two countries that a sentence tells to act together."""

    countries: tuple[str, str]  # codes, in alphabetical order
    count: int  # sentences
    spans: tuple[TextSpan, ...]  # from one name to the other, with the word that joins them


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """Every flag with any evidence, who and where, and what made them. No flag is a result, not a failure."""

    flags: tuple[Flag, ...] = ()
    model: str = ""  # name and version of the classifier
    countries: tuple[NamedCountry, ...] = ()  # the one with the greatest share first
    organisations: tuple[NamedOrganisation, ...] = ()  # the one named most first
    pairs: tuple[CountryPair, ...] = ()  # in the order of the text
