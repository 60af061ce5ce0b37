"""Settings: the environment wins over the file, the file over the defaults; mistakes are named."""

from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import SETTINGS_FILE, changed, load_settings
from workers.domain.errors import ConfigError


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("batch_size: 7\nmax_queue: 9\nallow_addresses: ['10.0.0.1:80']\n", encoding="utf-8")
    monkeypatch.setenv(SETTINGS_FILE, str(file))
    monkeypatch.setenv("WIREWATCH_MAX_QUEUE", "11")
    settings = load_settings()
    assert (settings.batch_size, settings.max_queue, settings.lease_s) == (7, 11, 90)
    assert settings.allow_addresses == ["10.0.0.1:80"]


def test_a_list_in_the_environment_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_ALLOW_ADDRESSES", "10.0.0.1:80, mirror.example:8080")
    assert load_settings().allow_addresses == ["10.0.0.1:80", "mirror.example:8080"]


def test_settings_pass_through_the_environment_of_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    before = changed(
        load_settings(),
        database_url="postgres://u:p@db/x",
        allow_addresses=["a:1", "b:2"],
        host_delay_s=0,
        data_dir=Path("/srv/wirewatch"),
    )
    for name, value in before.environment().items():
        monkeypatch.setenv(name, value)
    after = load_settings()
    assert after == before
    assert after.database_url == SecretStr("postgresql+psycopg://u:p@db/x")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WIREWATCH_BATCH", "1", "unknown setting (did you mean WIREWATCH_BATCH_SIZE?)"),
        ("WIREWATCH_ZZZ", "1", "unknown setting"),
        ("WIREWATCH_BATCH_SIZE", "0", "greater than or equal to 1"),
        ("WIREWATCH_ALLOW_ADDRESSES", "nonsense", "'nonsense' is not host:port"),
        ("WIREWATCH_BROKER_URL", "amqp://h", "must start with redis://"),
        ("WIREWATCH_POLL_MIN_S", "90000", "poll_min_s <= poll_interval_s <= poll_max_s must hold"),
        ("WIREWATCH_LEASE_S", "36", "fetch_deadline_s must be less than 5/6 of lease_s"),
        ("WIREWATCH_BROKER_URL", "unix:///run/redis.sock", "must start with redis://"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert words in str(refused.value)


def test_every_problem_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("api_port: high\n\nbatch_size: -1\n", encoding="utf-8")
    monkeypatch.setenv(SETTINGS_FILE, str(file))
    monkeypatch.setenv("WIREWATCH_MAX_QUEUE", "none")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    said = [str(problem) for problem in refused.value.problems]
    assert {tuple(line.split(": ")[0:2]) for line in said} == {
        ("environment", "WIREWATCH_MAX_QUEUE"),
        (f"{file}:1", "api_port"),
        (f"{file}:3", "batch_size"),
    }


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL", "STREAM_URL"])
def test_a_password_is_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"WIREWATCH_{name}", "ftp://user:hunter2@host")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)
    assert f"WIREWATCH_{name}" in str(refused.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv(SETTINGS_FILE, str(file))
    with pytest.raises(ConfigError, match="mapping"):
        load_settings()


def test_the_user_agent_names_us_and_the_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().user_agent == f"Wirewatch/{version('wirewatch')}"
    monkeypatch.setenv("WIREWATCH_CONTACT", "desk@example.org")
    assert load_settings().user_agent == f"Wirewatch/{version('wirewatch')} (+desk@example.org)"
