"""Every command of the README does what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.systems import REPOSITORY, RunningSystem, environment

#: One worker process runs them all, and starts one system.
pytestmark = pytest.mark.xdist_group("demo")

BLOCKS = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
#: `doctor` ends with 1 when it finds something, and the demo's broken sources are something.
MAY_FIND = {"wirewatch doctor"}
#: These need what another one of them makes.
IN_ORDER = [one for one in COMMANDS if one.startswith("wirewatch sources")]


def run(command: str, system: RunningSystem, folder: Path) -> None:
    sources = folder / "sources.yaml"
    if not sources.exists():
        shutil.copy(REPOSITORY / "config" / "sources.yaml", sources)
    command = command.replace("> sources.opml", f"> {folder / 'sources.opml'}")
    env = environment(data_dir=system.data, sources_file=sources)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 or command in MAY_FIND, f"{command}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    assert done.stdout or "> " in command, "a command says something, unless a file was asked for"


def test_the_readme_has_the_commands_that_matter() -> None:
    assert len(COMMANDS) >= 25
    assert {command.split()[0] for command in COMMANDS} == {"make", "wirewatch", "curl"}


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("wirewatch") and one not in IN_ORDER])
def test_a_wirewatch_command(command: str, system: RunningSystem, tmp_path: Path) -> None:
    run(command, system, tmp_path)


def test_the_sources_commands_in_their_order(system: RunningSystem, tmp_path: Path) -> None:
    assert len(IN_ORDER) >= 4
    for command in IN_ORDER:
        run(command, system, tmp_path)
    assert b"<opml" in (tmp_path / "sources.opml").read_bytes()


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("curl")])
def test_a_request_to_the_api(command: str, system: RunningSystem) -> None:
    address = re.search(r'"http://127\.0\.0\.1:8710(/[^"]*)"', command)
    assert address
    answer = httpx.get(system.address("API") + address[1], trust_env=False, timeout=10)
    assert answer.status_code == 200
    assert answer.json()


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("make")])
def test_a_make_target(command: str) -> None:
    """The recipe is there and names things that exist; what it runs is tested elsewhere."""
    done = subprocess.run([*command.split(), "-n"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmarks/bench.py", "--rounds", "1", "--copies", "1"], "ratio"),
        (["benchmarks/evaluate.py", "--data", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_what_bench_and_eval_run(words: list[str], said: str) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert f"$(BIN)/python {words[0]}" in makefile
    done = subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


INLINE = set(re.findall(r"`(wirewatch [^`]+)`", (REPOSITORY / "README.md").read_text(encoding="utf-8")))


def test_every_command_in_the_text_is_tried_somewhere() -> None:
    tried = {
        "wirewatch sources check URL": "tests/integration/test_sources_commands.py",
        "wirewatch sources import FILE.opml": "tests/integration/test_sources_commands.py",
        "wirewatch run": "tests/e2e/test_run.py",
        "wirewatch export --format csv --output FILE": "tests/integration/test_export_command.py",
        "wirewatch keys create NAME": "tests/integration/test_api_keys.py",
        "wirewatch webhooks add URL": "tests/integration/test_webhooks_command.py",
    }
    assert set(tried) == INLINE
    assert all((REPOSITORY / path).exists() for path in tried.values())
