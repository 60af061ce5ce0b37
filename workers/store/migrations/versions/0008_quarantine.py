"""The quarantine can be read newest first, and counted, however long the ledger is."""

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = """
CREATE INDEX ix_entry_quarantined ON entry (state_at, id) INCLUDE (reason, source_id) WHERE state = 'quarantined';
"""


def upgrade() -> None:
    op.execute(DDL)
