"""A page that killed its process, put back with its body repaired, ends as an article.

The services are those of `test_poison.py`: real workers, beat and relay in processes of their own.
"""

import pytest
import zstandard
from sqlalchemy import Engine, text

from tests.faults.test_poison import BODY, TEXT, put_pages, services  # noqa: F401  (a fixture)
from tests.systems import wirewatch
from tests.waiting import wait_until
from workers.store.overview import broken_invariants, overview


@pytest.mark.timeout(150)
@pytest.mark.usefixtures("services")
def test_a_deadly_page_is_replayed_from_quarantine(engine: Engine, database_url: str) -> None:
    put_pages(engine, ["poison:kill", ""])

    def stand() -> list[tuple[str, str | None]]:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT state, reason FROM entry ORDER BY url"))
            return [(row.state, row.reason) for row in rows]

    wait_until(lambda: stand() == [("quarantined", "crashed"), ("classified", None)], 90, "three deaths")
    repaired = BODY.format(n="0", text=TEXT, poison="").encode()
    with engine.begin() as connection:
        mended = text("UPDATE page SET body = :body, size = :size FROM entry WHERE sha = page_sha AND url LIKE '%/0'")
        body = zstandard.ZstdCompressor().compress(repaired)
        connection.execute(mended, {"body": body, "size": len(repaired)})
    done = wirewatch("quarantine", "replay", "--reason", "crashed", database_url=database_url)
    assert (done.returncode, "1 of 1 put back" in done.stdout) == (0, True), done.stderr
    wait_until(lambda: stand() == [("classified", None)] * 2, 60, "the repaired page's end")
    assert broken_invariants(engine) == {}
    assert overview(engine).counts.balanced
    with engine.connect() as connection:
        told = connection.execute(text("SELECT count(*), count(DISTINCT entry_id) FROM change WHERE type = 'created'"))
        assert tuple(told.one()) == (2, 2)
