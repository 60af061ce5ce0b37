"""The ledger: sources, entries, pages, articles, flags, the change log."""

from alembic import op

revision = "0001"
down_revision = None

DDL = """
CREATE TABLE host (
    name TEXT NOT NULL,
    next_allowed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    planned_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_host PRIMARY KEY (name)
);
COMMENT ON COLUMN host.next_allowed_at IS 'no page of this host is asked for before';
COMMENT ON COLUMN host.planned_until IS 'moments before this one are given to entries already';
CREATE TABLE note (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_note PRIMARY KEY (key)
);
COMMENT ON COLUMN note.key IS 'e.g. sources_mark: which sources.yaml is in force';
CREATE TABLE page (
    sha TEXT NOT NULL,
    body BYTEA NOT NULL,
    size INTEGER NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_page PRIMARY KEY (sha)
);
-- the body is compressed already: PostgreSQL must not try again
ALTER TABLE page ALTER COLUMN body SET STORAGE EXTERNAL;
COMMENT ON COLUMN page.sha IS 'sha256 hex of the body';
COMMENT ON COLUMN page.body IS 'zstd';
COMMENT ON COLUMN page.size IS 'bytes before zstd';
CREATE TABLE source (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    language TEXT NOT NULL,
    country TEXT NOT NULL,
    owner TEXT NOT NULL,
    state_owned BOOLEAN NOT NULL,
    watched BOOLEAN DEFAULT true NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    interval_s INTEGER NOT NULL,
    lease_token UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    etag TEXT,
    last_modified TEXT,
    body_sha TEXT,
    outcomes JSONB DEFAULT '{}' NOT NULL,
    last_outcome TEXT,
    last_error TEXT,
    failures INTEGER DEFAULT 0 NOT NULL,
    polled_at TIMESTAMP WITH TIME ZONE,
    succeeded_at TIMESTAMP WITH TIME ZONE,
    found_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_source PRIMARY KEY (id)
);
COMMENT ON COLUMN source.watched IS 'false: no longer in sources.yaml';
COMMENT ON COLUMN source.not_before IS 'it is not asked again before';
COMMENT ON COLUMN source.due_at IS 'when the sweeper hints at it';
COMMENT ON COLUMN source.outcomes IS 'polls counted by outcome';
COMMENT ON COLUMN source.failures IS 'in a row';
COMMENT ON COLUMN source.found_at IS 'when a new entry was last seen';
CREATE TABLE tick (
    name TEXT NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_tick PRIMARY KEY (name)
);
CREATE TABLE entry (
    id UUID NOT NULL,
    source_id TEXT NOT NULL,
    url TEXT NOT NULL,
    url_key TEXT NOT NULL,
    host TEXT NOT NULL,
    feed JSONB NOT NULL,
    discovered_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT DEFAULT 'discovered' NOT NULL,
    reason TEXT,
    detail TEXT,
    state_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempt INTEGER DEFAULT 0 NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    crashes INTEGER DEFAULT 0 NOT NULL,
    lease_token UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    page_sha TEXT,
    fetched JSONB,
    CONSTRAINT pk_entry PRIMARY KEY (id),
    CONSTRAINT ck_entry_state CHECK (state IN ('discovered', 'fetched', 'extracted', 'classified', 'dropped', 'quarantined')),
    CONSTRAINT ck_entry_drop_reason CHECK (state <> 'dropped' OR coalesce(reason IN ('gone', 'refused', 'not_html', 'too_large', 'bad_url', 'blocked_address', 'redirect_loop', 'robots', 'no_text', 'not_an_article', 'by_operator'), false)),
    CONSTRAINT ck_entry_quarantine_reason CHECK (state <> 'quarantined' OR coalesce(reason IN ('crashed', 'bug', 'unreachable', 'unstorable'), false)),
    CONSTRAINT fk_entry_source_id FOREIGN KEY(source_id) REFERENCES source (id),
    CONSTRAINT uq_entry_url_key UNIQUE (url_key),
    CONSTRAINT fk_entry_page_sha FOREIGN KEY(page_sha) REFERENCES page (sha) ON DELETE SET NULL
);
CREATE INDEX ix_entry_due ON entry (due_at) WHERE state IN ('discovered', 'fetched', 'extracted');
CREATE INDEX ix_entry_page_sha ON entry (page_sha);
CREATE INDEX ix_entry_source_id ON entry (source_id);
COMMENT ON COLUMN entry.id IS 'UUIDv7: one id all the way';
COMMENT ON COLUMN entry.url IS 'as the feed gave it; this is what is fetched';
COMMENT ON COLUMN entry.url_key IS 'sha256 hex of the canonical URL: the identity';
COMMENT ON COLUMN entry.host IS 'of the canonical URL: whose pages must not be asked for at once';
COMMENT ON COLUMN entry.feed IS 'what the feed said of it';
COMMENT ON COLUMN entry.reason IS 'why it was dropped or quarantined, or last deferred';
COMMENT ON COLUMN entry.attempt IS 'tries of the step that comes next';
COMMENT ON COLUMN entry.failures IS 'tries that nobody expected to fail';
COMMENT ON COLUMN entry.crashes IS 'tries that never came back';
COMMENT ON COLUMN entry.fetched IS 'url, status, content_type, charset, at';
CREATE TABLE article (
    entry_id UUID NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    language_confidence FLOAT NOT NULL,
    url TEXT NOT NULL,
    canonical_url TEXT,
    authors TEXT[] NOT NULL,
    published TIMESTAMP WITH TIME ZONE,
    published_from TEXT,
    quality TEXT NOT NULL,
    extractor TEXT NOT NULL,
    extracted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_article PRIMARY KEY (entry_id, version),
    CONSTRAINT fk_article_entry_id FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
CREATE TABLE change (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY,
    seq BIGINT,
    event_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_change PRIMARY KEY (id),
    CONSTRAINT uq_change_entry_id_type_version UNIQUE (entry_id, type, version),
    CONSTRAINT ck_change_type CHECK (type IN ('created', 'updated', 'reclassified', 'withdrawn')),
    CONSTRAINT uq_change_seq UNIQUE (seq),
    CONSTRAINT uq_change_event_id UNIQUE (event_id),
    CONSTRAINT fk_change_entry_id FOREIGN KEY(entry_id) REFERENCES entry (id)
);
CREATE INDEX ix_change_unnumbered ON change (id) WHERE seq IS NULL;
COMMENT ON COLUMN change.id IS 'order of writing; not for readers';
COMMENT ON COLUMN change.seq IS 'the cursor: given by the relay after the commit, without gaps';
COMMENT ON COLUMN change.payload IS 'the article as it was then, without its text';
CREATE TABLE flag (
    entry_id UUID NOT NULL,
    version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    probability FLOAT NOT NULL,
    flagged BOOLEAN NOT NULL,
    evidence JSONB NOT NULL,
    pack_version TEXT NOT NULL,
    model TEXT NOT NULL,
    CONSTRAINT pk_flag PRIMARY KEY (entry_id, version, topic),
    CONSTRAINT fk_flag_entry_id FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
CREATE INDEX ix_flag_topic ON flag (topic, entry_id) WHERE flagged;
COMMENT ON COLUMN flag.evidence IS '[{field, start, end, text}]: spans of the stored article';
CREATE TABLE sighting (
    source_id TEXT NOT NULL,
    entry_key TEXT NOT NULL,
    entry_id UUID NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_sighting PRIMARY KEY (source_id, entry_key, entry_id),
    CONSTRAINT fk_sighting_source_id FOREIGN KEY(source_id) REFERENCES source (id),
    CONSTRAINT fk_sighting_entry_id FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
CREATE INDEX ix_sighting_entry_id ON sighting (entry_id);
COMMENT ON COLUMN sighting.entry_key IS 'the feed''s own id';
CREATE TABLE story (
    fingerprint TEXT NOT NULL,
    entry_id UUID NOT NULL,
    CONSTRAINT pk_story PRIMARY KEY (fingerprint),
    CONSTRAINT fk_story_entry_id FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
COMMENT ON COLUMN story.fingerprint IS 'of the text, without dateline and layout';
COMMENT ON COLUMN story.entry_id IS 'who had it first';
"""


def upgrade() -> None:
    """Create every table."""
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.execute(statement)
