"""A flag says how its probability is read, and shows the sentence around its strongest evidence."""

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
ALTER TABLE flag ADD COLUMN band TEXT;
COMMENT ON COLUMN flag.band IS 'how the probability is read; null: before there were bands';
ALTER TABLE flag ADD COLUMN sentence JSONB;
COMMENT ON COLUMN flag.sentence IS '{field, start, end, text}: around the strongest evidence';
COMMENT ON COLUMN flag.evidence IS
    '[{field, start, end, text, rule, weight}]: spans of the stored article; early ones without rule and weight';
ALTER TABLE flag ADD CONSTRAINT ck_flag_band CHECK (band IN ('flagged', 'uncertain', 'not flagged'));
"""


def upgrade() -> None:
    op.execute(DDL)
