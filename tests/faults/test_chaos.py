"""The central promise, proved by breaking things: nothing lost, nothing twice. And the proof is known to bite."""

import re
from pathlib import Path

import pytest

from tests.systems import RunningSystem
from workers.operate.chaos.schedule import KINDS, schedule

#: Three seeds share a minute of faults. The last is also run without the sweeper.
SEEDS = (2, 43, 1561)
SECONDS, EVERY_S, ARTICLES = 20, 2, 150


def run(data: Path, *words: str) -> tuple[int, str]:
    """Run `wirewatch chaos` to its end; return its exit code and what it said."""
    numbers = ("--seconds", str(SECONDS), "--every-s", str(EVERY_S), "--articles", str(ARTICLES))
    with RunningSystem(("chaos", *numbers, *words), data) as system:
        code = system.wait_end(280)
        assert system.leftovers() == [], system.output
        return code, system.output


def test_the_seeds_hit_every_part_of_the_system() -> None:
    hit = {one.kind.target for seed in SEEDS for one in schedule(seed, SECONDS, every_s=EVERY_S)}
    assert hit == {kind.target for kind in KINDS}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_under_faults_nothing_is_lost_or_doubled(seed: int, tmp_path: Path) -> None:
    code, output = run(tmp_path / "data", "--seed", str(seed))
    assert code == 0, output
    assert f"{ARTICLES} articles, " in output
    assert " 0 lost, 0 doubled, " in output
    faults = re.search(r"articles, (\d+) faults", output)
    assert faults, output
    assert int(faults[1]) >= 5, "at least half of the faults found something to hit"


@pytest.mark.timeout(300)
def test_without_the_sweeper_the_same_faults_lose_articles(tmp_path: Path) -> None:
    code, output = run(tmp_path / "data", "--seed", str(SEEDS[-1]), "--no-sweeper", "--drain-s", "10")
    lost = re.search(r" (\d+) lost, 0 doubled, ", output)
    assert lost, output
    assert int(lost[1]) > 0
    assert code == 1
