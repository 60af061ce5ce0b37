"""Conditional requests for each document of a source: a sitemap index has children."""

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
ALTER TABLE source ADD COLUMN documents JSONB DEFAULT '{}' NOT NULL;
UPDATE source SET documents = jsonb_build_object(coalesce(address, url), jsonb_strip_nulls(jsonb_build_object(
    'etag', etag, 'last_modified', last_modified, 'body_sha', body_sha)))
WHERE coalesce(etag, last_modified, body_sha) IS NOT NULL;
ALTER TABLE source DROP COLUMN etag;
ALTER TABLE source DROP COLUMN last_modified;
ALTER TABLE source DROP COLUMN body_sha;
"""


def upgrade() -> None:
    op.execute(DDL)
