"""A deploy as the database sees it: the next version's halves, on either side of the older programs' end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.config import Config
from sqlalchemy import Engine

from config.settings import Settings, changed
from tests.making import discover
from tests.nextversion import add_migrations
from tests.systems import wirewatch
from workers.cli.looking import _database, _migrations
from workers.domain.errors import StartError
from workers.store import engine as engine_module
from workers.store import migrate as migrate_module
from workers.store.engine import make_engine
from workers.store.halves import Half
from workers.store.migrate import check_ready, migrate, outstanding
from workers.store.revision import NEWEST, check_schema

OWN = Path(migrate_module.__file__).parent / "migrations"
#: What the next version adds and what it takes away.
ADDS, TAKES = (f"{int(NEWEST) + step:04}" for step in (1, 2))


@pytest.fixture
def as_next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to become the next version."""
    folder = tmp_path / "migrations"
    shutil.copytree(OWN, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert add_migrations(folder / "versions", NEWEST) == (ADDS, TAKES)

    def config() -> Config:
        made = Config()
        made.set_main_option("script_location", str(folder))
        return made

    def become() -> None:
        monkeypatch.setattr(migrate_module, "_config", config)
        monkeypatch.setattr(engine_module, "NEWEST", TAKES)

    return become


@pytest.fixture
def newer(database_url: str, engine: Engine, as_next_version: Callable[[], None]) -> Iterator[Engine]:
    """The next version's connections to a database that this version filled; this version's are open still."""
    discover(engine, 3)
    as_next_version()
    made = make_engine(database_url, role="next")
    yield made
    made.dispose()


def ready(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        check_ready(connection)
        return outstanding(connection)


def test_an_older_program_starts_until_the_second_half_and_the_next_from_the_first_on(
    newer: Engine, engine: Engine, database_url: str
) -> None:
    with pytest.raises(StartError, match=f"this program needs {ADDS}: run"):
        ready(newer)
    assert migrate(newer, Half.PRE) == ADDS
    check_schema(database_url)
    assert ready(newer) == [TAKES]
    engine.dispose()  # the older programs have ended
    assert migrate(newer, Half.POST) == TAKES
    with pytest.raises(StartError, match=f"schema {TAKES}, which is newer .*{NEWEST} and serves none before {TAKES}"):
        check_schema(database_url)
    assert ready(newer) == []


@pytest.mark.parametrize("half", [Half.POST, None])
def test_nothing_is_taken_from_a_program_that_is_connected(newer: Engine, engine: Engine, half: Half | None) -> None:
    migrate(newer, Half.PRE)
    discover(engine, 1, first=3)
    with pytest.raises(StartError, match=rf"still connected \(wirewatch test {NEWEST}\)"):
        migrate(newer, half)
    engine.dispose()
    assert migrate(newer, half) == TAKES


def test_an_older_program_leaves_a_newer_schema_that_serves_it_alone(newer: Engine, database_url: str) -> None:
    """A deploy that is taken back before its second half: the older image runs `migrate --pre` at its start."""
    migrate(newer, Half.PRE)
    done = wirewatch("migrate", "--pre", database_url=database_url)
    assert (done.returncode, done.stdout) == (0, f"the database has schema {ADDS}\n"), done.stderr
    assert ready(newer) == [TAKES]


def test_doctor_says_that_the_second_half_waits(
    newer: Engine, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(Settings(), database_url=database_url)
    monkeypatch.setattr("workers.cli.looking.Steps", lambda _settings: SimpleNamespace(engine=newer))
    migrate(newer, Half.PRE)
    assert _database(settings) == []
    assert [TAKES in one and "`wirewatch migrate --post`" in one for one in _migrations(settings)] == [True]
    engine.dispose()
    migrate(newer, Half.POST)
    assert _migrations(settings) == []


def test_the_command_does_one_half_or_both(database_url: str) -> None:
    for words in ((), ("--post",)):
        done = wirewatch("migrate", *words, database_url=database_url)
        assert (done.returncode, done.stdout) == (0, f"the database has schema {NEWEST}\n"), done.stderr
