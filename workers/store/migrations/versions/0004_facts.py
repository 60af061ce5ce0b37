"""What an article's page says of it, how its text was won, and what is known of its source's pages."""

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
COMMENT ON COLUMN article.extractor IS 'name, version and settings';
ALTER TABLE article ADD COLUMN rung TEXT DEFAULT '' NOT NULL;
COMMENT ON COLUMN article.rung IS 'which attempt gave the text';
ALTER TABLE article ADD COLUMN rung_why TEXT DEFAULT '' NOT NULL;
ALTER TABLE article ADD COLUMN updated TIMESTAMP WITH TIME ZONE;
ALTER TABLE article ADD COLUMN updated_from TEXT;
ALTER TABLE article ADD COLUMN section TEXT DEFAULT '' NOT NULL;
ALTER TABLE article ADD COLUMN page_language TEXT;
COMMENT ON COLUMN article.page_language IS 'what the page says of itself';
ALTER TABLE article ADD COLUMN dateline_place TEXT DEFAULT '' NOT NULL;
ALTER TABLE article ADD COLUMN dateline_agency TEXT DEFAULT '' NOT NULL;
ALTER TABLE article ADD COLUMN wire_credit TEXT DEFAULT '' NOT NULL;
ALTER TABLE article ADD COLUMN image TEXT;
ALTER TABLE article ADD COLUMN is_paywalled BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE article ADD COLUMN removed TEXT[] DEFAULT '{}' NOT NULL;
COMMENT ON COLUMN article.removed IS 'hashes of the repeated blocks that were taken out of the text';
ALTER TABLE source ADD COLUMN extract JSONB DEFAULT '{}' NOT NULL;
COMMENT ON COLUMN source.extract IS 'the operator''s rules for its pages';
ALTER TABLE source ADD COLUMN repeats JSONB DEFAULT '[]' NOT NULL;
COMMENT ON COLUMN source.repeats IS '[{hash, sample, articles, of}]: taken out of its articles'' texts';
ALTER TABLE source ADD COLUMN repeats_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN source.repeats_at IS 'when its articles were compared last';
DROP INDEX ix_entry_source_id;
CREATE INDEX ix_entry_source_id ON entry (source_id, id);
UPDATE article SET published_from = 'meta' WHERE published_from = 'page';
"""


def upgrade() -> None:
    op.execute(DDL)
