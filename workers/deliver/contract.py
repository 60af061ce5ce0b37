"""The shapes that the API answers with: the OpenAPI contract is made of them.

Changes and articles are answered as they were stored; a change of years ago must not fail over a field that came
later, nor lose one. For them these models describe and do not convert; tests hold the two together.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from workers.domain.values import Band


class Shape(BaseModel):
    """A JSON object that may grow: readers ignore names that they do not know."""

    model_config = ConfigDict(extra="allow")


class SourceReference(Shape):
    """The outlet's facts as they were when the article was classified."""

    id: str
    name: str
    language: str = Field(description="ISO 639-1, what the outlet says of itself.")
    country: str = Field(description="ISO 3166-1 alpha-2 of the outlet's seat.")
    owner: str
    state_owned: bool


class Span(Shape):
    """A piece of the stored article: `article[field][start:end] == text`, counted in Unicode characters."""

    field: Literal["title", "text"]
    start: int
    end: int
    text: str


class EvidenceSpan(Span):
    """A span that raised a flag. Fields with a default are not in changes of early versions."""

    rule: str | None = Field(default=None, description="What fired: a term as its pack writes it, or a rule.")
    weight: float | None = Field(default=None, description="Its points times its place: title, lead or body.")


class TopicFlag(Shape):
    """What the classifier says of one topic."""

    topic: str
    probability: float = Field(ge=0, le=1)
    flagged: bool = Field(description="Whether the probability reaches the pack's threshold.")
    band: Band | None = Field(
        default=None, description="How the probability is read, as the pack says: uncertain wants a person's look."
    )
    evidence: list[EvidenceSpan] = Field(description="The strongest first.")
    sentence: Span | None = Field(default=None, description="The sentence around the strongest evidence.")
    pack_version: str
    model: str | None = Field(default=None, description="Name and version of the classifier that said it.")


class Named(Shape):
    """Where something is named."""

    count: int = Field(description="How often.")
    spans: list[Span] = Field(description="The first places.")


class Country(Named):
    """A country that the article names, by name, people, capital or seat of power."""

    code: str = Field(description="ISO 3166-1 alpha-2.")
    share: float = Field(ge=0, le=1, description="Of the weight of all its mentions of countries; the title's is most.")


class Organisation(Named):
    """An international organisation that the article names."""

    id: str = Field(description="Wirewatch's own; docs/topics.md has the list.")


class CountryPair(Named):
    """Two countries that a sentence tells to act together, or names as one."""

    countries: tuple[str, str] = Field(description="In alphabetical order.")


class Dateline(Shape):
    """Where the report says that it was filed, and by whom."""

    place: str | None = Field(description="As written.")
    agency: str | None = Field(description="A news agency, by its one name.")


class Extraction(Shape):
    """How the text was read off the page."""

    rung: str = Field(description="Which of its attempts gave the text.")
    why: str = Field(description="Why that one.")


#: Where a fact was found. `rule`: by the operator's rule for that source; `page`: in changes of early versions.
FoundIn = Literal["json-ld", "meta", "time", "url", "feed", "text", "rule", "page"]


class ArticleSummary(Shape):
    """An article without its text. Fields with a default are not in changes of early versions."""

    id: UUID = Field(description="The article's for ever.")
    version: int
    url: str
    canonical_url: str | None
    title: str
    language: str = Field(description="ISO 639-1, detected; `und` when none is sure.")
    language_confidence: float = Field(ge=0, le=1)
    authors: list[str]
    published: datetime | None
    published_from: FoundIn | None = Field(description="Where the time was found; `page` in early changes.")
    updated: datetime | None = Field(default=None, description="When the outlet says that it changed it.")
    updated_from: FoundIn | None = None
    discovered: datetime
    section: str | None = Field(default=None, description="The outlet's own.")
    page_language: str | None = Field(default=None, description="What the page says of itself, as written.")
    dateline: Dateline | None = None
    wire_credit: str | None = Field(default=None, description="The agency whose copy it is, by its one name.")
    image: str | None = Field(default=None, description="The address of the main picture.")
    is_paywalled: bool = Field(default=False, description="The page says that readers must pay: the text may be cut.")
    quality: Literal["full", "summary"] = Field(description="full: from the page; summary: the feed's.")
    extractor: str = Field(description="As in `extraction`.")
    extraction: Extraction | None = None
    source: SourceReference
    story: UUID | None = Field(
        default=None, description="The article that had the same text first, also when it is this one."
    )
    duplicate_of: UUID | None = Field(description="The same when it is another article; null: this one was first.")
    model: str
    flags: list[TopicFlag] = Field(description="Every topic with any evidence.")
    countries: list[Country] = Field(default=[], description="The one with the greatest share first.")
    organisations: list[Organisation] = Field(default=[], description="The one that is named most first.")
    pairs: list[CountryPair] = Field(default=[], description="Countries that act together, in the order of the text.")


class FullArticle(ArticleSummary):
    """An article with its text."""

    text: str = Field(description="Paragraphs separated by a newline.")


class ToldArticle(ArticleSummary):
    """The article as it was then, with its text for who asked for it; else that is at /v1/articles/{id}."""

    text: str | None = Field(default=None, description="Only when asked for: paragraphs separated by a newline.")


class ChangeData(Shape):
    """What an event tells."""

    unflagged: list[str] = Field(description="Topics that the article lost: flagged before, not any more.")
    article: ToldArticle


class Change(Shape):
    """One event of the append-only change log: CloudEvents 1.0 in structured JSON."""

    specversion: Literal["1.0"] = Field(description="Of CloudEvents.")
    id: UUID = Field(description="Never changes; an event seen twice has the same one.")
    source: str = Field(description="`urn:wirewatch:` and the random id of the ledger; with `id` it is unique.")
    type: Literal[
        "wirewatch.article.created",
        "wirewatch.article.updated",
        "wirewatch.article.reclassified",
        "wirewatch.article.withdrawn",
    ]
    subject: UUID = Field(description="The article's id.")
    time: datetime = Field(description="When the change was written. Not in the order of `seq`.")
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(description="`urn:wirewatch:schema:change:1#data`: served at /v1/schemas/change-1.json.")
    seq: int = Field(description="The cursor: 1, 2, 3, ... without gaps. An extension attribute of ours.")
    data: ChangeData


class Changes(Shape):
    """A page of the change log."""

    changes: list[Change]
    next_after: int = Field(description="Give this as `after` next time. It never goes back.")
    last_seq: int = Field(description="The newest number there is; ask again at once while next_after is smaller.")


class Articles(Shape):
    """A page of articles, newest first."""

    articles: list[ArticleSummary]
    next_before: UUID | None = Field(description="Give this as `before` for the next page; null at the end.")


class ToldVersion(Shape):
    """One change of an article, and the article as it was then."""

    id: UUID = Field(description="Of the event.")
    seq: int | None = Field(description="Of the event; null for the moment until it has its number.")
    type: Literal["created", "updated", "reclassified", "withdrawn"]
    time: datetime = Field(description="When the change was written.")
    article: FullArticle


class Versions(Shape):
    """What readers were told of one article."""

    versions: list[ToldVersion] = Field(description="The newest first; of more than 100 the newest 100.")


class Topic(Shape):
    """A topic pack in force."""

    id: str
    name: str
    description: str
    version: str
    threshold: float = Field(description="Flagged from this probability on.")
    uncertain_from: float = Field(description="Uncertain from here to the threshold.")
    iptc: list[str] = Field(description="Media topics of the IPTC that come near it.")
    eurovoc: list[str] = Field(description="Concepts of EuroVoc that come near it.")
    languages: list[str]


class Topics(Shape):
    """The topic packs in force."""

    topics: list[Topic]


class SourceStatus(Shape):
    """A source and how it does."""

    id: str
    name: str
    url: str
    language: str
    country: str
    owner: str
    state_owned: bool
    watched: bool = Field(description="false: no longer in sources.yaml.")
    kind: str = Field(description="feed, sitemap or listing.")
    obeys_robots: bool = Field(description="false: its operator here chose to ignore its robots.txt.")
    revisited: bool = Field(description="Its articles are looked at again for edits.")
    address: str | None = Field(description="Where permanent redirects moved it to; null: it is asked at `url`.")
    moves: list[dict[str, str]] = Field(description="Each such move, the last 20: from, to, at.")
    cut: int = Field(description="Entries of its last answer that were over the cap and not taken.")
    outcomes: dict[str, int] = Field(description="Polls ever made, by outcome.")
    last_outcome: str | None
    last_error: str | None
    failures: int = Field(description="In a row.")
    polled_at: datetime | None
    succeeded_at: datetime | None
    found_at: datetime | None = Field(description="When a new entry was last seen.")
    next_poll_at: datetime


class Sources(Shape):
    """All sources, also those that are no longer watched."""

    sources: list[SourceStatus]


class Health(Shape):
    """Whether the system is well."""

    ok: bool
    problems: list[str]
    notes: list[str] = Field(default=[], description="What an operator should know, and is no fault of the system.")
    last_seq: int


class FieldProblem(Shape):
    """What is wrong with one parameter, or one field of a body."""

    where: str = Field(alias="in", description="query, path, header or body.")
    name: str
    detail: str


class Problem(Shape):
    """Why there is no answer: problem details of RFC 9457, as application/problem+json."""

    type: str = Field(description="Always `about:blank`: the status says what it is.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="Why, in a sentence.")
    errors: list[FieldProblem] = Field(default=[], description="With 422: each parameter that is wrong.")
