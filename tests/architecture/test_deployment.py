"""The production files hold together: checked without a Docker engine, against the program itself.

A mistake in docker-compose.yml, the Dockerfile or .env.example would otherwise be found on the day of a deployment.
"""

import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import redis
import typer.main
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML
from typer.testing import CliRunner

from config.settings import PREFIX, SECRETS, Settings
from config.sources import load_sources
from config.topics import load_topics
from workers.cli.main import command as wirewatch_command
from workers.launch import MALLOC, SERVICES
from workers.operate.embedded_redis import find_server
from workers.pipeline import QUEUES, Service, queues_of

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
TEXT = COMPOSE.read_text(encoding="utf-8")
FILE: dict[str, Any] = YAML(typ="safe").load(TEXT)
ALL: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in ALL.items() if str(service["image"]).startswith("wirewatch:")}
THEIRS = {name: service for name, service in ALL.items() if name not in OURS}
ONE_SHOT = {"migrate"}
WORKERS = {name: service for name, service in OURS.items() if service["command"][0] == "worker"}

KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}
#: ${NAME}, ${NAME:-default}, ${NAME:?message}; $$ is a dollar sign for the container.
REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
#: A line of .env.example, in force or commented out.
LINE = re.compile(r"^(?P<comment>#?)(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$", re.MULTILINE)

each_service = pytest.mark.parametrize("name", ALL)
each_of_ours = pytest.mark.parametrize("name", OURS)


def example() -> dict[str, re.Match[str]]:
    return {line["name"]: line for line in LINE.finditer((ROOT / ".env.example").read_text(encoding="utf-8"))}


def referenced() -> dict[str, str | None]:
    """Return the variables that compose takes from .env, each with "?" (must be set), "-" (has a default) or None."""
    found = {match["name"]: match["kind"] for match in REFERENCE.finditer(TEXT)}
    handed_on = {
        key for service in ALL.values() for key, value in service.get("environment", {}).items() if value is None
    }
    return dict.fromkeys(handed_on) | found


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines) if word]


def copied() -> set[str]:
    """Return what the Dockerfile takes from the repository."""
    lines = [shlex.split(rest) for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    return {source for words in lines for source in words[:-1]}


# --- commands ---------------------------------------------------------------------------------------------------


def test_the_file_runs_exactly_the_services_that_the_supervisor_runs() -> None:
    assert {name: service["command"] for name, service in OURS.items()} == SERVICES | {"migrate": ["migrate", "--pre"]}


@each_of_ours
def test_a_command_is_one_of_the_program_with_arguments_that_it_takes(name: str) -> None:
    command = OURS[name]["command"]
    group = typer.main.get_command(wirewatch_command(()))
    with group.make_context("wirewatch", list(command)) as context:
        _, found, rest = group.resolve_command(context, list(command))  # type: ignore[attr-defined]
        found.make_context(command[0], rest, parent=context)  # raises for a wrong argument
    helped = CliRunner().invoke(wirewatch_command((command[0],)), [command[0], "--help"])
    assert helped.exit_code == 0
    assert "Usage" in helped.output


def test_every_queue_is_consumed_by_exactly_one_worker_service() -> None:
    consumed = [queue for one in WORKERS.values() for queue in queues_of(Service(one["command"][1]))]
    assert sorted(consumed) == sorted(QUEUES)


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["docker-compose.yml", ".env.example", "Dockerfile"])
def test_every_variable_of_ours_is_a_setting(file: str) -> None:
    named = set(re.findall(r"WIREWATCH_\w+", (ROOT / file).read_text(encoding="utf-8")))
    assert named, f"{file} names no setting at all"
    assert named <= KNOWN


def test_every_setting_can_be_reached_from_the_file() -> None:
    assert {key for service in OURS.values() for key in service["environment"]} == KNOWN


def test_what_compose_asks_for_and_what_the_example_explains_are_the_same() -> None:
    assert set(example()) == set(referenced())


def test_the_example_shows_the_real_defaults_and_leaves_what_must_be_set_empty() -> None:
    compose_defaults = {match["name"]: match["rest"] for match in REFERENCE.finditer(TEXT) if match["kind"] == "-"}
    for name, line in example().items():
        if referenced()[name] == "?":
            assert (line["comment"], line["value"]) == ("", ""), name
            continue
        assert line["comment"], f"{name} is optional: comment it out"
        if name in KNOWN:
            default = Settings.model_fields[name.removeprefix(PREFIX).lower()].default
            shown = ",".join(map(str, default)) if isinstance(default, list) else str(default)
            assert line["value"] == ("" if default is None else shown), name
        if name in compose_defaults:
            assert line["value"] == compose_defaults[name]


@each_of_ours
def test_the_environment_of_a_container_is_valid_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [one for one in os.environ if one.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    for variable, value in OURS[name]["environment"].items():
        if value is not None:
            monkeypatch.setenv(variable, REFERENCE.sub("s3cret", str(value)))
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://wirewatch:s3cret@postgres:5432/wirewatch"
    assert settings.broker_url is not None
    assert settings.broker_url.get_secret_value() == "redis://:s3cret@redis:6379/0"


def test_no_secret_stands_in_the_file() -> None:
    secret = {PREFIX + name.upper() for name in SECRETS} | {"POSTGRES_PASSWORD", "REDISCLI_AUTH"}
    seen = set()
    for service in ALL.values():
        for key, value in service["environment"].items():
            if key in secret and value is not None:
                seen.add(key)
                assert re.search(r"\$\{\w*PASSWORD:\?[^}]+\}", value), f"{key} must come from the environment, or stop"
    assert seen == secret - {"WIREWATCH_STREAM_URL"}


def test_only_flower_is_told_its_password() -> None:
    assert [name for name in OURS if "WIREWATCH_FLOWER_PASSWORD" in OURS[name]["environment"]] == ["flower"]


# --- paths ------------------------------------------------------------------------------------------------------


@each_service
def test_every_mount_is_a_declared_volume_or_a_read_only_path_that_exists(name: str) -> None:
    for mount in ALL[name].get("volumes", []):
        source, _, target = mount.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert target.endswith(":ro")
        else:
            assert source in FILE["volumes"]


@each_of_ours
def test_sources_and_topics_are_where_the_settings_point(name: str) -> None:
    assert OURS[name]["volumes"] == ["./config:/etc/wirewatch:ro"]
    inside = {key: OURS[name]["environment"][PREFIX + key] for key in ("SOURCES_FILE", "TOPICS_DIR")}
    here = {key: ROOT / Path(path).relative_to("/etc/wirewatch").as_posix() for key, path in inside.items()}
    assert load_sources(ROOT / "config" / here["SOURCES_FILE"].name)
    assert load_topics(ROOT / "config" / here["TOPICS_DIR"].name)


@each_of_ours
def test_what_is_written_lies_in_memory(name: str) -> None:
    folders = [mount.split(":")[0] for mount in OURS[name]["tmpfs"]]
    assert any(Path(OURS[name]["environment"]["WIREWATCH_DATA_DIR"]).is_relative_to(folder) for folder in folders)


def test_the_stores_keep_their_data_in_volumes() -> None:
    assert ALL["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert ALL["redis"]["volumes"] == ["redis:/data"]
    assert "--dir /data" in ALL["redis"]["command"][-1]


# --- hardening --------------------------------------------------------------------------------------------------


@each_service
def test_a_container_has_no_powers(name: str) -> None:
    service = ALL[name]
    user = service["user"].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "env_file"} & set(service)
    assert "docker.sock" not in TEXT


@each_service
def test_a_container_is_bounded_and_comes_back(name: str) -> None:
    service = ALL[name]
    assert service["init"] is True
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@each_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    ports = ALL[name].get("ports", [])
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{WIREWATCH_\w+_PORT:-(\d+)\}:\1", port) for port in ports)
    assert bool(ports) == (name in {"api", "flower"})


def test_only_what_needs_the_way_out_has_it() -> None:
    assert FILE["networks"]["inside"] == {"internal": True}
    assert {name for name in ALL if ALL[name]["networks"] != ["inside"]} == {"worker-io", "push", "api", "flower"}


def test_images_of_others_are_pinned_to_a_patch_release_and_a_suite() -> None:
    assert set(THEIRS) == {"postgres", "redis"}
    for service in THEIRS.values():
        assert re.fullmatch(r"(postgres:18\.\d+|redis:\d+\.\d+\.\d+)-[a-z]+", service["image"])


def test_a_worker_can_be_scaled_out_and_has_time_to_stop() -> None:
    assert {one["command"][1] for one in WORKERS.values()} == set(Service)
    for service in WORKERS.values():
        assert not {"container_name", "ports", "hostname"} & set(service)
        assert service["stop_grace_period"] == "60s"


# --- order and health -------------------------------------------------------------------------------------------


@each_of_ours
def test_a_service_starts_on_a_database_of_its_schema(name: str) -> None:
    waits = {on: how["condition"] for on, how in OURS[name]["depends_on"].items()}
    postgres = {"postgres": "service_healthy"}
    after = {"redis": "service_healthy", "migrate": "service_completed_successfully"}
    assert waits == (postgres if name == "migrate" else postgres | after)


@each_service
def test_a_service_has_a_health_check_or_runs_once(name: str) -> None:
    if name in ONE_SHOT:
        assert "healthcheck" not in ALL[name]
    else:
        assert {"test", "interval", "timeout", "retries", "start_period"} == set(ALL[name]["healthcheck"])


@pytest.mark.parametrize("name", WORKERS)
def test_the_health_check_of_a_worker_watches_the_service_that_it_runs(name: str) -> None:
    check = ALL[name]["healthcheck"]
    assert check["test"] == ["CMD", "python", "-m", "workers.watch", WORKERS[name]["command"][1]]
    assert find_spec("workers.watch")
    assert check["interval"] == f"{Settings().canary_s:g}s", "else each check thinks that it was away"


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_that_its_health_check_kills_is_started_again(name: str) -> None:
    # with an init, the worker is not process 1 of its container, which nothing inside could kill
    assert (ALL[name]["init"], ALL[name]["restart"]) == (True, "unless-stopped")


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1)])
@pytest.mark.parametrize("name", ["api", "flower"])
def test_the_health_check_of_what_listens_passes_on_200_alone(name: str, status: int, exit_code: int) -> None:
    kind, python, *arguments = ALL[name]["healthcheck"]["test"]
    port = str(OURS[name]["environment"][f"WIREWATCH_{name.upper()}_PORT"])
    assert (kind, python) == ("CMD", "python")
    assert arguments[-1].count(port) == 1
    with answering(status) as free:
        arguments[-1] = arguments[-1].replace(port, str(free))
        assert subprocess.run([sys.executable, *arguments], check=False, timeout=30).returncode == exit_code


def test_the_health_check_of_beat_looks_at_the_file_that_beat_keeps_writing(tmp_path: Path) -> None:
    kind, command = ALL["beat"]["healthcheck"]["test"]
    folder = OURS["beat"]["environment"]["WIREWATCH_DATA_DIR"]
    assert kind == "CMD-SHELL"
    assert f" {folder} " in command
    command = command.replace(folder, str(tmp_path))
    written = tmp_path / "beat-schedule.db"
    codes = [subprocess.run(["sh", "-c", command], check=False).returncode]
    for age_s in (0, 3_600):
        written.touch()
        now = written.stat().st_mtime
        os.utime(written, (now - age_s, now - age_s))
        codes.append(subprocess.run(["sh", "-c", command], check=False).returncode)
    assert codes == [1, 0, 1]  # not there, fresh, an hour old


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Serve this status on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


# --- Redis, really started --------------------------------------------------------------------------------------


@pytest.fixture
def as_in_production(tmp_path: Path) -> Iterator[redis.Redis]:
    """Run the file's own Redis command on the server of this machine, with paths of the test's."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(find_server())
    socket = tmp_path / "s"
    shell, option, script = ALL["redis"]["command"]
    script = script.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("--dir /data", f"--dir {tmp_path}")
    script = f"{script.rstrip()} --port 0 --unixsocket {socket}"
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "REDISCLI_AUTH": "s3cret"}
    with subprocess.Popen([shell, option, script], env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = []
        for line in server.stdout:  # ends when the server does
            said.append(line)
            if "eady to accept connections" in line:
                break
        else:
            pytest.fail("Redis did not start:\n" + "".join(said))
        try:
            with redis.Redis(unix_socket_path=str(socket), password="s3cret", decode_responses=True) as client:
                yield client
        finally:
            server.terminate()
            server.communicate(timeout=20)


def test_redis_takes_its_flags_and_gives_queues_a_safe_home(as_in_production: redis.Redis) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": str(256 * 2**20),
        "maxmemory-policy": "noeviction",
        "protected-mode": "yes",
        "save": "",
    }
    assert {name: as_in_production.config_get(name)[name] for name in wanted} == wanted
    buffers = as_in_production.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    assert f"pubsub {32 * 2**20} {8 * 2**20} 60" in buffers


def test_redis_lets_in_who_knows_the_password_and_only_to_queues(as_in_production: redis.Redis) -> None:
    as_in_production.lpush("wirewatch:fetch", "1")
    assert as_in_production.info("memory")["maxmemory"] == 256 * 2**20
    for forbidden in ("flushall", "shutdown", "keys *", "config set maxmemory 1"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            as_in_production.execute_command(*forbidden.split())
    socket = as_in_production.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=socket) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


# --- the image --------------------------------------------------------------------------------------------------


def test_the_image_is_built_from_one_pinned_python_that_the_project_supports() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert bases[1:] == ["base", "base"]
    pinned = re.fullmatch(r"python:(3\.\d+\.\d+)-slim-[a-z]+", bases[0])
    assert pinned
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(pinned[1])


def test_the_image_runs_the_command_as_the_user_of_the_compose_file() -> None:
    last = dict(instructions())
    assert last["ENTRYPOINT"] == '["wirewatch"]'
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert callable(EntryPoint("wirewatch", project["scripts"]["wirewatch"], "console_scripts").load())
    assert {service["user"] for service in OURS.values()} == {last["USER"]}
    assert "entrypoint" not in TEXT
    assert "HEALTHCHECK" not in last  # compose knows which service it is


def test_what_is_copied_exists_and_nothing_else_can_be() -> None:
    assert all((ROOT / source).exists() for source in copied()), sorted(copied())
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied()


def test_the_image_has_everything_that_the_package_is_built_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {project["project"]["readme"], *project["project"]["license-files"]}
    assert copied() == packages | files | {"pyproject.toml", "constraints.txt"}


def test_the_image_installs_the_tested_versions_without_tools_for_developers() -> None:
    installs = " && ".join(rest for word, rest in instructions() if word == "RUN")
    assert "pip install --upgrade pip" in installs
    assert "pip install --constraint constraints.txt ." in installs
    assert not re.search(r"\[dev\]|index-url|https?://|--editable", installs)


# --- compose itself, where there is one -------------------------------------------------------------------------


def compose_works() -> bool:
    try:
        return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not compose_works(), reason="docker compose is not installed; the checks above need none")
def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    filled = re.sub(r"(?m)^(\w+)=$", r"\1=s3cret", (ROOT / ".env.example").read_text(encoding="utf-8"))
    (tmp_path / ".env").write_text(filled, encoding="utf-8")
    command = ["docker", "compose", "--file", str(COMPOSE), "--env-file", str(tmp_path / ".env"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_image_keeps_memory_as_the_supervisor_does() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert [name for name, value in MALLOC.items() if f"{name}={value}" not in text] == []
