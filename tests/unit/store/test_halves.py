"""Old and new programs on one database: which migrations may be done when, and who may start on what."""

import pytest

from workers.domain.errors import StartError
from workers.store.halves import Half, Migration, needed, serves, target
from workers.store.revision import check_fits

PRE, POST, WHOLE = Half.PRE, Half.POST, None


def make_chain(*halves: Half | None) -> list[Migration]:
    return [Migration(f"{number:04}", half) for number, half in enumerate(halves, start=1)]


#: Three versions: 0001; 0002 and 0003; 0004 and 0005.
FIRST = make_chain(WHOLE)
SECOND = make_chain(WHOLE, PRE, POST)
THIRD = make_chain(WHOLE, PRE, POST, PRE, POST)


@pytest.mark.parametrize(
    ("chain", "what_it_needs"),
    [
        (FIRST, "0001"),
        (SECOND, "0002"),
        (THIRD, "0004"),
        (make_chain(WHOLE, PRE), "0002"),
        (make_chain(WHOLE, POST), "0001"),
        (make_chain(WHOLE, PRE, WHOLE, POST, POST), "0003"),
    ],
)
def test_a_program_needs_all_but_the_last_post_halves(chain: list[Migration], what_it_needs: str) -> None:
    assert needed(chain) == what_it_needs


@pytest.mark.parametrize(
    ("found", "half", "to"),
    [
        (None, None, "0005"),
        (None, PRE, "0005"),
        (None, POST, "0005"),
        ("0001", None, "0005"),
        ("0001", PRE, "schema 0003 of an earlier version still waits.*--post"),
        ("0001", POST, "schema 0002 comes first.*--pre"),
        ("0002", PRE, "schema 0003 of an earlier version still waits.*--post"),
        ("0002", POST, "0003"),
        ("0003", PRE, "0004"),
        ("0003", POST, "schema 0004 comes first.*--pre"),
        ("0004", PRE, "0004"),
        ("0004", POST, "0005"),
        ("0005", PRE, "0005"),
        ("0005", POST, "0005"),
    ],
)
def test_a_half_goes_as_far_as_it_may(found: str | None, half: Half | None, to: str) -> None:
    if to.isdecimal():
        assert target(THIRD, found, half) == to
    else:
        with pytest.raises(StartError, match=to):
            target(THIRD, found, half)


def test_a_migration_without_a_half_is_not_done_beside_older_programs() -> None:
    with pytest.raises(StartError, match=r"schema 0002 .*stop all of them.*`wirewatch migrate`"):
        target(make_chain(WHOLE, WHOLE, PRE), "0001", PRE)


@pytest.mark.parametrize(
    ("chain", "found", "oldest"),
    [
        (THIRD, "0001", "0001"),
        (THIRD, "0002", "0001"),
        (THIRD, "0003", "0003"),
        (THIRD, "0004", "0003"),
        (THIRD, "0005", "0005"),
        (make_chain(PRE, PRE), "0002", "0001"),
        (make_chain(WHOLE, WHOLE, PRE), "0003", "0002"),
    ],
)
def test_a_database_serves_programs_back_to_the_last_that_took_something_away(
    chain: list[Migration], found: str, oldest: str
) -> None:
    assert serves(chain, found) == oldest


#: The database as a run of migrations leaves it, and each version's program.
PROGRAMS = {"first": FIRST, "second": SECOND, "third": THIRD}


@pytest.mark.parametrize(
    ("found", "may_start"),
    [
        ("0001", {"first"}),
        ("0002", {"first", "second"}),
        ("0003", {"second"}),
        ("0004", {"second", "third"}),
        ("0005", {"third"}),
    ],
)
def test_who_may_start_at_which_moment_of_two_deploys(found: str, may_start: set[str]) -> None:
    """A program knows its own migrations alone; what newer ones do, the database says."""
    started = set()
    for name, chain in PROGRAMS.items():
        try:
            check_fits(found, serves(THIRD, found), newest=chain[-1].revision, needed=needed(chain))
        except StartError:
            continue
        started.add(name)
    assert started == may_start


@pytest.mark.parametrize(
    ("found", "oldest", "words"),
    [
        (None, None, "schema none, this program needs 0002: run `wirewatch migrate`"),
        ("0001", "0001", "schema 0001, this program needs 0002: run `wirewatch migrate`"),
        ("0004", "0004", "schema 0004, which is newer than this program's 0003 and serves none before 0004: install"),
        ("0004", None, "schema 0004, which is newer than this program's 0003: install the newer Wirewatch"),
    ],
)
def test_who_may_not_is_told_what_to_do(found: str | None, oldest: str | None, words: str) -> None:
    with pytest.raises(StartError) as caught:
        check_fits(found, oldest, newest="0003", needed="0002")
    assert words in str(caught.value)
