"""Migrations in two halves, so that old and new programs run side by side while a new version is rolled out. Pure.

A migration says its half: `half = "pre"` adds, and the programs before it go on working; `half = "post"` takes away,
and waits until no program from before it runs. One without a half is both at once: its program needs it, older ones
cannot go on, everything has to be stopped for it. (0001 to 0008 are such; from 0009 on a test asks for a half.)
The cut is procrastinate's (https://procrastinate.readthedocs.io, "Migrations").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.domain.errors import StartError


class Half(StrEnum):
    """When a migration is done."""

    PRE = "pre"  # before the first new program starts
    POST = "post"  # after the last old program has ended


@dataclass(frozen=True, slots=True)
class Migration:
    """One of the chain."""

    revision: str
    half: Half | None


def needed(chain: Sequence[Migration]) -> str:
    """Return the newest revision that a program with this chain cannot run without: those after it are `post`."""
    return [one.revision for one in chain if one.half is not Half.POST][-1]


def serves(chain: Sequence[Migration], found: str) -> str:
    """Return the oldest program, named by its newest revision, that a database at `found` serves."""
    closing = [one.revision for one in chain if one.half is not Half.PRE and one.revision <= found]
    return (closing or [chain[0].revision])[-1]


def target(chain: Sequence[Migration], found: str | None, half: Half | None) -> str:
    """Return the revision that a database at `found` is brought to; None: both halves, or an empty database.

    Raises StartError, with what to do first, when the half cannot be done now.
    """
    if half is None or found is None:  # nobody runs on an empty database
        return chain[-1].revision
    ahead = [one for one in chain if one.revision > found]
    if half is Half.PRE:
        while ahead and ahead[-1].half is Half.POST:
            ahead.pop()
        _check_pre(ahead)
        return ahead[-1].revision if ahead else found
    if ahead and ahead[0].half is not Half.POST:
        raise StartError(f"schema {ahead[0].revision} comes first: run `wirewatch migrate --pre`, start this version")
    count = next((index for index, one in enumerate(ahead) if one.half is not Half.POST), len(ahead))
    return ahead[count - 1].revision if count else found


def _check_pre(ahead: Sequence[Migration]) -> None:
    """Raise StartError when one of these must not be done while older programs run."""
    for one in ahead:
        if one.half is Half.POST:
            raise StartError(
                f"schema {one.revision} of an earlier version still waits: when no program of a version before it "
                "runs any more, run `wirewatch migrate --post`, then this again"
            )
        if one.half is None:
            raise StartError(
                f"schema {one.revision} cannot be brought in beside older programs: stop all of them, "
                "then run `wirewatch migrate`"
            )
