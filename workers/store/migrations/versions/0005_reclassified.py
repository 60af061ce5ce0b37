"""An article may be classified anew: a published version has revisions, each with its change."""

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
ALTER TABLE entry ADD COLUMN revision INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN entry.revision IS 'how often that version was classified anew';
ALTER TABLE change ADD COLUMN revision INTEGER DEFAULT 0 NOT NULL;
COMMENT ON COLUMN change.revision IS 'of that version; the last one is what readers have';
ALTER TABLE change ADD COLUMN unflagged TEXT[] DEFAULT '{}' NOT NULL;
COMMENT ON COLUMN change.unflagged IS 'topics of the change before that are not flagged any more';
ALTER TABLE change DROP CONSTRAINT uq_change_entry_id_type_version;
ALTER TABLE change ADD CONSTRAINT uq_change_entry_id_version_revision UNIQUE (entry_id, version, revision);
CREATE INDEX ix_change_unflagged ON change USING gin (unflagged) WHERE cardinality(unflagged) > 0;
"""


def upgrade() -> None:
    op.execute(DDL)
