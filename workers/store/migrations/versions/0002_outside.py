"""Hosts in hand, robots.txt, other identities of an entry, later looks at a page, habits and moves of a source."""

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
ALTER TABLE host DROP COLUMN planned_until;
ALTER TABLE host ALTER COLUMN next_allowed_at SET DEFAULT now();
COMMENT ON COLUMN host.next_allowed_at IS 'nothing is asked for before';
ALTER TABLE host ADD COLUMN in_flight_token UUID;
COMMENT ON COLUMN host.in_flight_token IS 'the session that may ask; nobody else until it gives the host back';
ALTER TABLE host ADD COLUMN in_flight_until TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN host.in_flight_until IS 'or died';
ALTER TABLE host ADD COLUMN hinted_until TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN host.hinted_until IS 'entries of this host are on their way to a worker';
ALTER TABLE host ADD COLUMN penalties INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN host.penalties IS 'rate limits in a row';

CREATE TABLE robots (
    origin TEXT NOT NULL,
    verdict TEXT NOT NULL,
    body BYTEA,
    body_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_robots PRIMARY KEY (origin),
    CONSTRAINT ck_robots_verdict CHECK (verdict IN ('allow', 'parse', 'unknown'))
);
COMMENT ON COLUMN robots.origin IS 'scheme, host and port';
COMMENT ON COLUMN robots.body IS 'the last one that was there; at most 500 KiB';
COMMENT ON COLUMN robots.body_at IS 'when it was there';

ALTER TABLE source ADD COLUMN kind TEXT DEFAULT 'feed' NOT NULL;
COMMENT ON COLUMN source.kind IS 'feed, sitemap or listing';
ALTER TABLE source ADD COLUMN links TEXT DEFAULT '' NOT NULL;
COMMENT ON COLUMN source.links IS 'of a listing: which links are articles';
ALTER TABLE source ADD COLUMN obeys_robots BOOLEAN DEFAULT true NOT NULL;
ALTER TABLE source ADD COLUMN revisited BOOLEAN DEFAULT true NOT NULL;
COMMENT ON COLUMN source.revisited IS 'articles are looked at again';
ALTER TABLE source ADD COLUMN habits JSONB DEFAULT '{}' NOT NULL;
COMMENT ON COLUMN source.habits IS 'what was learned of its rhythm';
ALTER TABLE source DROP COLUMN interval_s;
ALTER TABLE source ADD COLUMN pending JSONB DEFAULT '{}' NOT NULL;
ALTER TABLE source ADD COLUMN address TEXT;
COMMENT ON COLUMN source.address IS 'where permanent redirects moved it to; null: at its url';
ALTER TABLE source ADD COLUMN moving_to TEXT;
COMMENT ON COLUMN source.moving_to IS 'where the last answer''s permanent redirects led';
ALTER TABLE source ADD COLUMN moving_seen INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN source.moving_seen IS 'how often in a row';
ALTER TABLE source ADD COLUMN moves JSONB DEFAULT '[]' NOT NULL;
COMMENT ON COLUMN source.moves IS '[{from, to, at}]';
ALTER TABLE source ADD COLUMN cut BIGINT DEFAULT 0 NOT NULL;
COMMENT ON COLUMN source.cut IS 'entries over the last answer''s cap';

ALTER TABLE entry ADD COLUMN canon_version INTEGER DEFAULT 1 NOT NULL;
COMMENT ON COLUMN entry.canon_version IS 'of the rule behind url_key';
COMMENT ON COLUMN entry.host IS 'of what is fetched next: its pages must not be asked for at once';
ALTER TABLE entry ADD COLUMN not_found INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN entry.not_found IS 'tries that ended with 404';
ALTER TABLE entry ADD COLUMN hops JSONB DEFAULT '[]' NOT NULL;
COMMENT ON COLUMN entry.hops IS 'redirects followed: [[status, url]]';
COMMENT ON COLUMN entry.fetched IS 'url, status, content_type, charset, at, etag, last_modified';
ALTER TABLE entry ADD COLUMN version INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN entry.version IS 'published last; 0: none yet';
ALTER TABLE entry ADD COLUMN revisit_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN entry.revisit_at IS 'when the page of a classified entry is looked at again';
UPDATE entry SET version = 1 WHERE state = 'classified';

-- the closed lists of reasons: some have finer words now
ALTER TABLE entry DROP CONSTRAINT ck_entry_drop_reason;
UPDATE entry SET reason = 'http_4xx' WHERE state = 'dropped' AND reason = 'refused';
UPDATE entry SET reason = 'disallowed' WHERE state = 'dropped' AND reason = 'robots';
UPDATE entry SET reason = CASE reason WHEN 'connection' THEN 'refused' ELSE 'http_5xx' END
 WHERE state NOT IN ('dropped', 'quarantined') AND reason IN ('connection', 'server_error');
ALTER TABLE entry ADD CONSTRAINT ck_entry_drop_reason CHECK (state <> 'dropped' OR coalesce(reason IN ('gone', 'http_4xx', 'not_html', 'too_large', 'empty', 'bad_url', 'blocked_address', 'redirect_loop', 'disallowed', 'same_url', 'no_text', 'not_an_article', 'by_operator'), false));
-- of sources too: `refused` says now that the connection was, and no longer that the answer was a 4xx
UPDATE source SET
    last_outcome = CASE last_outcome WHEN 'refused' THEN 'http_4xx' WHEN 'robots' THEN 'disallowed'
        WHEN 'connection' THEN 'refused' WHEN 'server_error' THEN 'http_5xx' ELSE last_outcome END,
    outcomes = (
        SELECT coalesce(jsonb_object_agg(word, times), '{}') FROM (
            SELECT CASE key WHEN 'refused' THEN 'http_4xx' WHEN 'robots' THEN 'disallowed'
                   WHEN 'connection' THEN 'refused' WHEN 'server_error' THEN 'http_5xx' ELSE key END AS word,
                   sum(CAST(value AS BIGINT)) AS times
              FROM jsonb_each_text(outcomes) GROUP BY 1) AS renamed);
CREATE INDEX ix_entry_waiting ON entry (host, due_at) WHERE state = 'discovered';
CREATE INDEX ix_entry_revisit_at ON entry (revisit_at) WHERE revisit_at IS NOT NULL;

CREATE TABLE alias (
    url_key TEXT NOT NULL,
    entry_id UUID NOT NULL,
    canon_version INTEGER NOT NULL,
    via TEXT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_alias PRIMARY KEY (url_key),
    CONSTRAINT ck_alias_via CHECK (via IN ('redirect', 'canonical', 'same_url')),
    CONSTRAINT fk_alias_entry_id FOREIGN KEY (entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
COMMENT ON COLUMN alias.url_key IS 'another identity of an entry';
CREATE INDEX ix_alias_entry_id ON alias (entry_id);
"""


def upgrade() -> None:
    op.execute(DDL)
