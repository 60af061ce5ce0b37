"""Every setting, with its reason. The only reader of the environment.

A value comes from the environment (`WIREWATCH_<NAME>`), else from the settings file (YAML, `WIREWATCH_SETTINGS` names
it), else from the default here. Unknown names are refused in both places.
"""

import difflib
import os
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from config.yamlfile import problems_of, read_tree
from workers.domain.errors import ConfigError, Problem

PREFIX = "WIREWATCH_"
SETTINGS_FILE = f"{PREFIX}SETTINGS"
#: Their values may hold a password and are never shown.
SECRETS = {"database_url", "broker_url", "stream_url", "flower_password"}
CONFIG_FOLDER = Path(__file__).parent


def _words(value: object) -> object:
    """Split "a, b" from the environment into a list; leave what YAML gave."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """What an operator may choose. Times are in seconds, sizes in bytes, where the name does not say otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    # --- where things are
    data_dir: Path = Field(Path("var"), description="What must survive a restart: embedded servers, logs, lock.")
    sources_file: Path = Field(CONFIG_FOLDER / "sources.yaml", description="The feeds that are watched.")
    topics_dir: Path = Field(CONFIG_FOLDER / "topics", description="One YAML pack a topic.")
    model: Path | None = Field(None, description="What `wirewatch train` wrote; without it the model of the package.")
    database_url: SecretStr | None = Field(None, description="postgresql://... ; without it PostgreSQL is embedded.")
    broker_url: SecretStr | None = Field(None, description="redis://... for Celery; without it Redis is embedded.")
    stream_url: SecretStr | None = Field(None, description="redis://... for the stream; default: the broker's, db 1.")

    # --- what listens. Loopback only: a proxy with TLS goes in front.
    api_host: str = Field("127.0.0.1", description="Address of the API; other than loopback only with keys.")
    api_port: int = Field(8710, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    api_rate: float = Field(100, ge=0, le=100_000, description="Requests a second of one reader of the API; 0: any.")
    flower_host: str = Field("127.0.0.1", description="Address of Flower.")
    flower_port: int = Field(5555, ge=0, le=65535, description="Port of Flower; 0 takes a free one.")
    flower_user: str = Field("operator", min_length=1, description="Name for Flower's basic auth.")
    flower_password: SecretStr | None = Field(None, description="Without it one is made and kept in data_dir, 0600.")

    # --- manners towards the outside
    contact: str | None = Field(None, description="URL or e-mail in the User-Agent, so that an outlet can reach you.")
    fetch_deadline_s: float = Field(30, gt=0, le=300, description="A fetch with all its redirects ends by then.")
    fetch_max_bytes: int = Field(10_000_000, ge=10_000, description="Cap on a body, raw and decoded: a page is text.")
    fetch_max_redirects: int = Field(5, ge=0, le=20, description="Hops; RFC 9110 section 15.4 leaves the number to us.")
    fetch_ports: Annotated[list[int], NoDecode, BeforeValidator(_words)] = Field(
        [80, 443], description="Ports of public addresses that may be fetched; outlets rarely use others."
    )
    host_delay_s: float = Field(
        5, ge=0, le=300, description="Rest of a host between two requests, one at a time; 0: no limit (own server)."
    )
    revisit_after_s: Annotated[list[int], NoDecode, BeforeValidator(_words)] = Field(
        [3_600, 21_600, 86_400], description="A page is looked at again so long after its first sight; empty: never."
    )
    allow_addresses: Annotated[list[str], NoDecode, BeforeValidator(_words)] = Field(
        [], description="host:port pairs that may be fetched although not public (a mirror inside, the demo)."
    )

    # --- when
    poll_interval_s: int = Field(
        900, ge=1, description="A source is asked this often at first; later as often as its rhythm is worth."
    )
    poll_min_s: int = Field(300, ge=1, description="Never more often than this.")
    poll_max_s: int = Field(86_400, ge=1, description="Never less often than this; a failing source too.")
    sweep_period_s: int = Field(5, ge=1, le=60, description="How often due work is looked for.")

    # --- who is alive
    canary_s: float = Field(60, ge=1, le=600, description="Each worker is asked for signs of life this often.")
    silence_s: float = Field(210, ge=2, description="A worker that consumed nothing for so long is replaced.")
    beat_silence_s: float = Field(120, ge=2, description="When beat is silent for so long the relay ticks instead.")

    # --- how much at once
    batch_size: int = Field(50, ge=1, le=200, description="Ids a message: one round trip serves them all.")
    max_queue: int = Field(
        50, ge=1, description="Messages in one queue before the sweeper adds no more; beyond the lag they are repeats."
    )
    lease_s: float = Field(
        90,
        ge=3,
        le=500,
        description="Work left behind by a dead process is taken up after this; a task ends by 5/6 of it.",
    )
    hint_lag_s: float = Field(30, gt=0, description="A hint that was lost is repeated after this.")
    io_concurrency: int = Field(2, ge=1, le=64, description="Processes that poll and fetch (each many at a time).")
    cpu_concurrency: int = Field(2, ge=1, le=64, description="Processes that extract and classify: one a core.")

    # --- how long things are kept
    page_retention_days: int = Field(90, ge=1, description="Raw pages, for extracting again without fetching.")
    stream_length: int = Field(
        100_000, ge=1, description="Entries kept in the Redis stream, in at most half its maxmemory; the log keeps all."
    )

    # --- how much must be free
    min_free_disk: float = Field(
        0.05, ge=0, le=0.5, description="Smaller share of the disk under data_dir free: nothing is polled or fetched."
    )
    min_free_redis: float = Field(
        0.1, ge=0, le=0.5, description="The same for Redis and its maxmemory: full, it would refuse every message."
    )

    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning, error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the settings file (which arrives as arguments)."""
        return env_settings, init_settings

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme, _, rest = value.get_secret_value().partition("://")
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not rest:
            raise ValueError("must start with postgresql://")
        return SecretStr(f"postgresql+psycopg://{rest}")

    @field_validator("broker_url", "stream_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss", "redis+socket"}:
            raise ValueError("must start with redis://, rediss:// or redis+socket://")
        return value

    @field_validator("allow_addresses")
    @classmethod
    def _are_pairs(cls, value: list[str]) -> list[str]:
        for pair in value:
            host, _, port = pair.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{pair!r} is not host:port")
        return value

    @field_validator("fetch_ports")
    @classmethod
    def _are_ports(cls, value: list[int]) -> list[int]:
        if any(not 1 <= port <= 65_535 for port in value):
            raise ValueError("ports are 1 to 65535")
        return value

    @field_validator("revisit_after_s")
    @classmethod
    def _are_ahead(cls, value: list[int]) -> list[int]:
        if any(one < 60 for one in value):
            raise ValueError("each must be at least 60 seconds")
        return sorted(set(value))

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.poll_min_s <= self.poll_interval_s <= self.poll_max_s:
            raise ValueError("poll_min_s <= poll_interval_s <= poll_max_s must hold")
        if self.fetch_deadline_s >= self.task_limit_s:
            raise ValueError("fetch_deadline_s must be less than 5/6 of lease_s, or slow pages look like crashes")
        return self

    @model_validator(mode="after")
    def _leave_time_to_speak(self) -> Self:
        if self.silence_s < self.canary_s + self.task_limit_s:
            raise ValueError("silence_s must be at least canary_s + 5/6 of lease_s, or a busy worker looks dead")
        return self

    @property
    def task_limit_s(self) -> float:
        """After this a task's process is killed: work never outlasts its lease, so nothing is taken up twice."""
        return self.lease_s * 5 / 6

    @property
    def session_s(self) -> float:
        """A request that has to wait for its host begins within this time of its task, and still has its deadline."""
        return max(0.0, min(10.0, self.task_limit_s - self.fetch_deadline_s - 5))

    @property
    def per_host(self) -> int | None:
        """Entries of one host in a task: those that fit into its session. None: hosts do not rest."""
        return int(self.session_s / self.host_delay_s) + 1 if self.host_delay_s else None

    @property
    def batch_budget_s(self) -> float:
        """After this a batch begins no further page: the one at work may still take most of the task's limit."""
        return self.task_limit_s * 0.4

    @property
    def user_agent(self) -> str:
        """Name ourselves honestly, with a way to reach the operator (product token: RFC 9309 section 2.2.1)."""
        product = f"Wirewatch/{version('wirewatch')}"
        return f"{product} (+{self.contact})" if self.contact else product

    @property
    def runtime_base(self) -> Path:
        """Return the folder below which sockets live: the session's own where there is one."""
        return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())

    def environment(self) -> dict[str, str]:
        """Return these settings as the environment of a child process (secrets included, defaults left out)."""
        made = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            made[PREFIX + name.upper()] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return made


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of this process; `overrides` (from the command line) win over everything.

    Raises ConfigError naming the file, line and field, or the environment variable.
    """
    file = settings_file()
    tree = read_tree(file) if file else {}
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(Problem(file=file or "settings", line=1, message="must be a mapping of setting: value"))
    _refuse_unknown_variables()
    try:
        settings = Settings(**tree)
        return settings if not overrides else changed(settings, **overrides)
    except ValidationError as error:
        raise ConfigError(*_settings_problems(error, file, tree)) from error


def settings_file() -> Path | None:
    """Return the settings file that the environment names, None without one."""
    path = os.environ.get(SETTINGS_FILE)
    return Path(path) if path else None


def inherited_environment() -> dict[str, str]:
    """Return our environment without our own settings: children get theirs in full, and inherit none by mistake."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def changed(settings: Settings, **overrides: Any) -> Settings:
    """Return a validated copy with some values replaced; the environment is not read again."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set} | overrides
    fresh = Settings.model_construct()
    Settings.__pydantic_validator__.validate_python(values, self_instance=fresh)
    return fresh


def _refuse_unknown_variables() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {SETTINGS_FILE}
    problems = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            problems.append(Problem(file="environment", field=name, message=f"unknown setting{hint}"))
    if problems:
        raise ConfigError(*problems)


def _settings_problems(error: ValidationError, file: Path | None, tree: Any) -> list[Problem]:
    problems = []
    for problem in problems_of(error, file or Path("settings"), tree):
        variable = PREFIX + (problem.field or "").split(".")[0].upper()
        if problem.field and variable in os.environ:
            problem = Problem(file="environment", field=variable, message=problem.message)  # noqa: PLW2901
        if problem.field and problem.field.lower().removeprefix(PREFIX.lower()) in SECRETS:
            problem = replace(problem, message=problem.message.split(" (found")[0])  # noqa: PLW2901
        problems.append(problem)
    return problems
