"""Bad input ends with one clear message that names the place, exit code 78, and nothing started."""

import socket
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.systems import run_here, wirewatch

GOOD_SOURCE = """\
version: 1
sources:
  - id: one
    name: One
    url: https://one.example/feed
    language: en
    country: GB
    owner: One
    state_owned: false
"""


def refused(
    tmp_path: Path, *words: str, by: Callable[..., CompletedProcess[str]] = wirewatch, **settings: object
) -> str:
    """Start the system, expect a refusal, and return what it said."""
    data = tmp_path / "data"
    answer = by(*(words or ("run",)), **({"data_dir": data, "api_port": 0, "flower_port": 0} | settings))
    assert answer.returncode == 78, answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (data / "postgres").exists(), "nothing was started"
    return answer.stderr


@pytest.mark.parametrize(
    ("change", "line", "field", "words"),
    [
        (("owner: One", "owner: One\n    colour: red"), 9, "colour", "unknown key"),
        (("https://one.example/feed", "gopher://one.example"), 5, "url", "http"),
        (("state_owned: false", "state_owned: perhaps"), 9, "state_owned", "true or false"),
        (("    owner: One\n", ""), 3, "owner", "missing"),
        (("language: en", "language: xx"), 6, "language", "language"),
        (("    name: One\n", "    name: One\n    name: Two\n"), 5, "", "name"),
        (("sources:", "sources: ["), None, "", "not YAML"),
    ],
)
def test_a_source_file_with_a_mistake(
    tmp_path: Path, change: tuple[str, str], line: int | None, field: str, words: str
) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(GOOD_SOURCE.replace(*change), encoding="utf-8")
    said = refused(tmp_path, sources_file=file, by=run_here)
    assert (f"{file}:{line}: " if line else f"{file}:") in said
    assert field in said
    assert words in said


def test_a_source_that_stands_twice_names_both(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(GOOD_SOURCE + GOOD_SOURCE.split("sources:\n")[1], encoding="utf-8")
    said = refused(tmp_path, sources_file=file)
    assert f"{file}:10: " in said
    assert "line 3" in said


def test_a_topic_file_with_a_mistake(tmp_path: Path) -> None:
    topics = tmp_path / "topics"
    topics.mkdir()
    (topics / "smuggling.yaml").write_text("id: smuggling\nname: Smuggling\nthresh: 0.5\n", encoding="utf-8")
    said = refused(tmp_path, topics_dir=topics)
    assert f"{topics / 'smuggling.yaml'}:3: thresh: unknown key" in said
    assert "terms" in said


def test_a_settings_file_with_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("api_host: 127.0.0.1\nbatch_size: many\nbath_size: 3\n", encoding="utf-8")
    said = refused(tmp_path, settings=file)
    assert f"{file}:2: batch_size: " in said
    assert f"{file}:3: bath_size: unknown key" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("api_prot", "1", "did you mean WIREWATCH_API_PORT?"),
        ("api_port", "99999", "WIREWATCH_API_PORT"),
        ("database_url", "mysql://root:hunter2@x/y", "WIREWATCH_DATABASE_URL: must start with postgresql://"),
        ("lease_s", "1", "WIREWATCH_LEASE_S"),
        ("fetch_deadline_s", "80", "fetch_deadline_s must be less than 5/6 of lease_s"),
    ],
)
def test_an_environment_variable_with_a_mistake(tmp_path: Path, name: str, value: str, words: str) -> None:
    said = refused(tmp_path, by=run_here, **{name: value})
    assert words in said
    assert "hunter2" not in said, "a password is never shown"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"WIREWATCH_API_PORT: 127.0.0.1:{port}" in refused(tmp_path, api_port=port)
        assert f"WIREWATCH_FLOWER_PORT: 127.0.0.1:{port}" in refused(tmp_path, flower_port=port)


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.touch()
    data = file / "data"
    answer = wirewatch("run", data_dir=data, api_port=0, flower_port=0)
    assert answer.returncode == 78
    assert f"{data} cannot be written" in answer.stderr


def test_a_service_without_its_servers_says_how_to_start(tmp_path: Path) -> None:
    for words in (("worker", "io"), ("beat",), ("api",), ("flower",), ("migrate",)):
        assert "wirewatch run" in refused(tmp_path, *words)


def test_looking_at_a_system_that_does_not_run(tmp_path: Path) -> None:
    for words in (("status",), ("tail", "--no-follow"), ("memory",)):
        answer = wirewatch(*words, data_dir=tmp_path / "data")
        assert answer.returncode == 75
        assert "start it with `wirewatch run`" in answer.stderr
    checked = wirewatch("doctor", data_dir=tmp_path / "data")
    assert checked.returncode == 1
    assert "✗ database" in checked.stdout


def test_a_database_of_a_newer_schema(tmp_path: Path, database_url: str) -> None:
    import psycopg

    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE note SET value = '9999' WHERE key = 'schema_serves'")
    said = refused(tmp_path, "migrate", database_url=database_url)
    assert "schema 9999" in said
    assert "newer" in said
    assert "schema 9999" in refused(tmp_path, "run", database_url=database_url)
