"""The tables. Every rule that the database can hold, it holds: closed lists, unique keys, foreign keys."""

from typing import get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from workers.domain.outcomes import DropReason, QuarantineReason, State
from workers.domain.values import Band

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Time = DateTime(timezone=True)
#: States of entries that have not ended yet.
IN_FLIGHT = tuple(state for state in State if not state.is_final)


def _one_of(column: str, words: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


#: What is neither letter nor digit nor ASCII, without the marks that stand in words. Every locale is to find the same.
BREAKS = r"[^[:alnum:]\u0001-\u007f\u0300-\u036f\u0900-\u0963\u0966-\u0dff]"
#: Scripts that are written without spaces between words: Thai and Lao, Burmese, Khmer, kana, Han.
UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
# as the database shows these, so that a test can compare
WORDS = (
    "to_tsvector('simple'::regconfig, regexp_replace(regexp_replace("
    """("left"(((title || ' '::text) || text), 100000) COLLATE pg_c_utf8), """
    rf"'{BREAKS}'::text, ' '::text, 'g'::text), '({UNSPACED})'::text, ' \1 '::text, 'g'::text))"
)
TOPICS = """jsonb_path_query_array(payload, '$."flags"[*]?(@."flagged" == true)."topic"'::jsonpath)"""

source = Table(
    "source",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state_owned", Boolean, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'feed'"), comment="feed, sitemap or listing"),
    Column("links", Text, nullable=False, server_default=text("''"), comment="of a listing: which links are articles"),
    Column("obeys_robots", Boolean, nullable=False, server_default=text("true")),
    Column("revisited", Boolean, nullable=False, server_default=text("true"), comment="articles are looked at again"),
    Column("extract", JSONB, nullable=False, server_default=text("'{}'"), comment="the operator's rules for its pages"),
    Column("watched", Boolean, nullable=False, server_default=text("true"), comment="false: no longer in sources.yaml"),
    # when: two clocks, as for an entry
    Column("not_before", Time, nullable=False, server_default=func.now(), comment="it is not asked again before"),
    Column("due_at", Time, nullable=False, server_default=func.now(), comment="when the sweeper hints at it"),
    Column("habits", JSONB, nullable=False, server_default=text("'{}'"), comment="what was learned of its rhythm"),
    Column("lease_token", Uuid),
    Column("lease_until", Time),
    # a poll that is not at its end: redirects followed, documents of a sitemap index still to be read
    Column("pending", JSONB, nullable=False, server_default=text("'{}'")),
    # where it is asked
    Column("address", Text, comment="where permanent redirects moved it to; null: at its url"),
    Column("moving_to", Text, comment="where the last answer's permanent redirects led"),
    Column("moving_seen", Integer, nullable=False, server_default=text("0"), comment="how often in a row"),
    Column("moves", JSONB, nullable=False, server_default=text("'[]'"), comment="[{from, to, at}]"),
    # conditional requests, of each of its documents: {url: {etag, last_modified, body_sha, more}}
    Column("documents", JSONB, nullable=False, server_default=text("'{}'")),
    # what happened
    Column("outcomes", JSONB, nullable=False, server_default=text("'{}'"), comment="polls counted by outcome"),
    Column("last_outcome", Text),
    Column("last_error", Text),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="in a row"),
    Column("polled_at", Time),
    Column("succeeded_at", Time),
    Column("found_at", Time, comment="when a new entry was last seen"),
    Column(
        "cut",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="entries over the last answer's cap",
    ),
    # blocks that repeat on its pages
    Column(
        "repeats",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="[{hash, sample, articles, of}]: taken out of its articles' texts",
    ),
    Column("repeats_at", Time, comment="when its articles were compared last"),
)

host = Table(
    "host",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_allowed_at", Time, nullable=False, server_default=func.now(), comment="nothing is asked for before"),
    Column("in_flight_token", Uuid, comment="the session that may ask; nobody else until it gives the host back"),
    Column("in_flight_until", Time, comment="or died"),
    Column("hinted_until", Time, comment="entries of this host are on their way to a worker"),
    Column("penalties", Integer, nullable=False, server_default=text("0"), comment="rate limits in a row"),
)

robots = Table(
    "robots",
    metadata,
    Column("origin", Text, primary_key=True, comment="scheme, host and port"),
    Column("verdict", Text, nullable=False),
    Column("body", LargeBinary, comment="the last one that was there; at most 500 KiB"),
    Column("body_at", Time, comment="when it was there"),
    Column("expires_at", Time, nullable=False),
    Column("detail", Text, nullable=False, server_default=text("''")),
    CheckConstraint(_one_of("verdict", ["allow", "parse", "unknown"]), "verdict"),
)

page = Table(
    "page",
    metadata,
    Column("sha", Text, primary_key=True, comment="sha256 hex of the body"),
    Column("body", LargeBinary, nullable=False, comment="zstd"),
    Column("size", Integer, nullable=False, comment="bytes before zstd"),
    Column("stored_at", Time, nullable=False, server_default=func.now()),
)

entry = Table(
    "entry",
    metadata,
    Column("id", Uuid, primary_key=True, comment="UUIDv7: one id all the way"),
    Column("source_id", Text, ForeignKey("source.id"), nullable=False),
    Column("url", Text, nullable=False, comment="as the feed gave it; this is what is fetched"),
    Column("url_key", Text, nullable=False, unique=True, comment="sha256 hex of the canonical URL: the identity"),
    Column("canon_version", Integer, nullable=False, server_default=text("1"), comment="of the rule behind url_key"),
    Column("host", Text, nullable=False, comment="of what is fetched next: its pages must not be asked for at once"),
    Column("feed", JSONB, nullable=False, comment="what the feed said of it"),
    Column("discovered_at", Time, nullable=False, server_default=func.now()),
    # where it stands
    Column("state", Text, nullable=False, server_default=text("'discovered'")),
    Column("reason", Text, comment="why it was dropped or quarantined, or last deferred"),
    Column("detail", Text),
    Column("state_at", Time, nullable=False, server_default=func.now()),
    # who works on it
    Column("attempt", Integer, nullable=False, server_default=text("0"), comment="tries of the step that comes next"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="tries that nobody expected to fail"),
    Column("crashes", Integer, nullable=False, server_default=text("0"), comment="tries that never came back"),
    Column("not_found", Integer, nullable=False, server_default=text("0"), comment="tries that ended with 404"),
    Column("hops", JSONB, nullable=False, server_default=text("'[]'"), comment="redirects followed: [[status, url]]"),
    Column("lease_token", Uuid),
    Column("lease_until", Time),
    # two clocks: a stray duplicate message cannot jump the first; the sweeper goes by the second
    Column("not_before", Time, nullable=False, server_default=func.now()),
    Column("due_at", Time, nullable=False, server_default=func.now()),
    # the page
    Column("page_sha", Text, ForeignKey("page.sha", ondelete="SET NULL")),
    Column("fetched", JSONB, comment="url, status, content_type, charset, at, etag, last_modified"),
    # what readers have
    Column("version", Integer, nullable=False, server_default=text("0"), comment="published last; 0: none yet"),
    Column(
        "revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="how often that version was classified anew",
    ),
    Column("revisit_at", Time, comment="when the page of a classified entry is looked at again"),
    CheckConstraint(_one_of("state", [*State]), "state"),
    CheckConstraint(f"state <> 'dropped' OR coalesce({_one_of('reason', [*DropReason])}, false)", "drop_reason"),
    CheckConstraint(
        f"state <> 'quarantined' OR coalesce({_one_of('reason', [*QuarantineReason])}, false)", "quarantine_reason"
    ),
    Index("ix_entry_due", "due_at", postgresql_where=text(_one_of("state", [*IN_FLIGHT]))),
    Index("ix_entry_waiting", "host", "due_at", postgresql_where=text("state = 'discovered'")),
    Index("ix_entry_revisit_at", "revisit_at", postgresql_where=text("revisit_at IS NOT NULL")),
    Index("ix_entry_source_id", "source_id", "id"),  # ids are in the order of time
    Index("ix_entry_page_sha", "page_sha"),
    Index(
        "ix_entry_quarantined",
        "state_at",
        "id",
        postgresql_where=text("state = 'quarantined'"),
        postgresql_include=["reason", "source_id"],
    ),
)

alias = Table(
    "alias",
    metadata,
    Column("url_key", Text, primary_key=True, comment="another identity of an entry"),
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("canon_version", Integer, nullable=False),
    Column("via", Text, nullable=False),
    Column("seen_at", Time, nullable=False, server_default=func.now()),
    CheckConstraint(_one_of("via", ["redirect", "canonical", "same_url"]), "via"),
    Index("ix_alias_entry_id", "entry_id"),
)

sighting = Table(
    "sighting",
    metadata,
    Column("source_id", Text, ForeignKey("source.id"), nullable=False),
    Column("entry_key", Text, nullable=False, comment="the feed's own id"),
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("seen_at", Time, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("source_id", "entry_key", "entry_id"),
    Index("ix_sighting_entry_id", "entry_id"),
)

article = Table(
    "article",
    metadata,
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("language_confidence", Float, nullable=False),
    Column("url", Text, nullable=False),
    Column("canonical_url", Text),
    Column("authors", ARRAY(Text), nullable=False),
    Column("published", Time),
    Column("published_from", Text),
    Column("quality", Text, nullable=False),
    Column("extractor", Text, nullable=False, comment="name, version and settings"),
    Column("rung", Text, nullable=False, server_default=text("''"), comment="which attempt gave the text"),
    Column("rung_why", Text, nullable=False, server_default=text("''")),
    Column("updated", Time),
    Column("updated_from", Text),
    Column("section", Text, nullable=False, server_default=text("''")),
    Column("page_language", Text, comment="what the page says of itself"),
    Column("dateline_place", Text, nullable=False, server_default=text("''")),
    Column("dateline_agency", Text, nullable=False, server_default=text("''")),
    Column("wire_credit", Text, nullable=False, server_default=text("''")),
    Column("image", Text),
    Column("is_paywalled", Boolean, nullable=False, server_default=text("false")),
    Column(
        "removed",
        ARRAY(Text, as_tuple=True),
        nullable=False,
        server_default=text("'{}'"),
        comment="hashes of the repeated blocks that were taken out of the text",
    ),
    Column("extracted_at", Time, nullable=False, server_default=func.now()),
    Column("words", TSVECTOR, Computed(WORDS, persisted=True), comment="for the search"),
    PrimaryKeyConstraint("entry_id", "version"),
    Index("ix_article_words", "words", postgresql_using="gin"),
)

story = Table(
    "story",
    metadata,
    Column("fingerprint", Text, primary_key=True, comment="of the text, without dateline and layout"),
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False, comment="who had it first"),
)

flag = Table(
    "flag",
    metadata,
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column(
        "evidence",
        JSONB,
        nullable=False,
        comment="[{field, start, end, text, rule, weight}]: spans of the stored article; early ones without rule and "
        "weight",
    ),
    Column("pack_version", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("band", Text, comment="how the probability is read; null: before there were bands"),
    Column("sentence", JSONB(none_as_null=True), comment="{field, start, end, text}: around the strongest evidence"),
    PrimaryKeyConstraint("entry_id", "version", "topic"),
    CheckConstraint(_one_of("band", list(get_args(Band))), "band"),
    Index("ix_flag_topic", "topic", "entry_id", postgresql_where=text("flagged")),
)

change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True, comment="order of writing; not for readers"),
    Column("seq", BigInteger, unique=True, comment="the cursor: given by the relay after the commit, without gaps"),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("entry_id", Uuid, ForeignKey("entry.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column(
        "revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="of that version; the last one is what readers have",
    ),
    Column("type", Text, nullable=False),
    Column("payload", JSONB, nullable=False, comment="the article as it was then, without its text"),
    Column(
        "unflagged",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="topics of the change before that are not flagged any more",
    ),
    Column("created_at", Time, nullable=False, server_default=func.now()),
    # what readers choose by, beside the payload: reading that for each row that is passed over takes ten times as long
    Column("language", Text, Computed("payload ->> 'language'::text", persisted=True)),
    Column("source_id", Text, Computed("(payload -> 'source'::text) ->> 'id'::text", persisted=True)),
    Column("country", Text, Computed("(payload -> 'source'::text) ->> 'country'::text", persisted=True)),
    Column("topics", JSONB, Computed(TOPICS, persisted=True), comment="that the article is flagged with"),
    Column(
        "told",
        Text,
        Computed("payload::text", persisted=True),
        comment="the payload as readers get it: writing it anew for each took most of a page",
    ),
    UniqueConstraint("entry_id", "version", "revision"),
    CheckConstraint(_one_of("type", ["created", "updated", "reclassified", "withdrawn"]), "type"),
    Index("ix_change_unnumbered", "id", postgresql_where=text("seq IS NULL")),
    Index("ix_change_language", "language", "entry_id"),  # entry ids are in the order of time
    Index("ix_change_country", "country", "entry_id"),
    # a page of a topic that few articles have reads these few, and not the 10,000 that it looks at
    Index("ix_change_topics", "topics", postgresql_using="gin", postgresql_ops={"topics": "jsonb_path_ops"}),
    Index(
        "ix_change_unflagged", "unflagged", postgresql_using="gin", postgresql_where=text("cardinality(unflagged) > 0")
    ),
)

tick = Table(
    "tick",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_at", Time, nullable=False),
)

note = Table(
    "note",
    metadata,
    Column("key", Text, primary_key=True, comment="e.g. sources_mark: which sources.yaml is in force"),
    Column("value", Text, nullable=False),
    Column("updated_at", Time, nullable=False, server_default=func.now()),
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True, comment="order of writing: append-only"),
    Column("entry_id", Uuid, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False, comment="of the article that was judged"),
    Column("topic", Text, nullable=False),
    Column("verdict", Text, nullable=False, comment="confirmed: the article is about the topic; rejected: it is not"),
    Column("analyst", Text, nullable=False, comment="who; the newest of each counts"),
    Column("at", Time, nullable=False, server_default=func.now()),
    Column("note", Text, nullable=False, server_default=text("''")),
    # what the classifier said then; null: no evidence
    Column("probability", Float),
    Column("flagged", Boolean),
    Column("pack_version", Text),
    Column("model", Text),
    CheckConstraint(_one_of("verdict", ["confirmed", "rejected"]), "verdict"),
    Index("ix_verdict_entry_id", "entry_id", "topic"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, comment="whose it is, in the operator's words"),
    Column("prefix", Text, nullable=False, unique=True, comment="how it begins: by this people name it"),
    Column("sha256", Text, nullable=False, unique=True, comment="hex, of the whole key, which is kept nowhere"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Time, nullable=False, server_default=func.now()),
    Column("expires_at", Time),
    Column("revoked_at", Time),
    CheckConstraint("scopes <@ ARRAY['read', 'replay', 'admin'] AND cardinality(scopes) > 0", "scopes"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("url", Text, nullable=False),
    Column(
        "filters",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="topic, language, source, country, min_probability: as of the change log",
    ),
    Column("with_text", Boolean, nullable=False, server_default=text("false")),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text, comment="signs too, until previous_until"),
    Column("previous_until", Time),
    Column("created_at", Time, nullable=False, server_default=func.now()),
    Column(
        "state", Text, nullable=False, server_default=text("'active'"), comment="paused: by an operator; off: by us"
    ),
    # how far it has come
    Column(
        "cursor",
        BigInteger,
        nullable=False,
        comment="the last seq that is done with: delivered, not asked for, or a dead letter",
    ),
    Column(
        "attempt",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="tries of the change that comes next, all failed",
    ),
    Column("attempt_since", Time, comment="the first of them"),
    Column("failing_since", Time, comment="the first failure since the last success"),
    Column("not_before", Time, nullable=False, server_default=func.now()),
    # who pushes
    Column("lease_token", Uuid),
    Column("lease_until", Time),
    # what happened last
    Column("last_status", Integer),
    Column("last_error", Text, nullable=False, server_default=text("''")),
    Column("delivered_at", Time),
    CheckConstraint(_one_of("state", ["active", "paused", "off"]), "state"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("webhook_id", BigInteger, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Time, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("webhook_id", "seq"),
)
