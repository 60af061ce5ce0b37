"""A next version of the program, for tests of deploys: two more migrations, one of each half."""

from pathlib import Path

#: What the next version adds, and what it takes away when the older one has left.
PRE = "ALTER TABLE entry ADD COLUMN next_version TEXT DEFAULT '' NOT NULL"
POST = "ALTER TABLE entry DROP COLUMN next_version"

MIGRATION = '''"""One half of a next version."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"
half = "{half}"


def upgrade() -> None:
    op.execute("{sql}")
'''


def add_migrations(folder: Path, newest: str) -> tuple[str, str]:
    """Write two migrations after `newest` into a folder of versions; return their revisions: pre and post."""
    pre, post = (f"{int(newest) + step:04}" for step in (1, 2))
    for revision, before, half, sql in ((pre, newest, "pre", PRE), (post, pre, "post", POST)):
        text = MIGRATION.format(revision=revision, before=before, half=half, sql=sql)
        (folder / f"{revision}_{half}.py").write_text(text, encoding="utf-8")
    return pre, post
