"""Logs: registered events only, one JSON line each, that no publisher's text can break."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from workers.telemetry import EVENTS, LONGEST_TRACEBACK, LONGEST_VALUE, configure_logging, event


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Log as a service does; call the result for what was written so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging("test", "info")
    yield written.getvalue
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def only_line(written: str) -> dict[str, Any]:
    assert written.endswith("\n")
    (line,) = written.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_event_is_one_json_line_with_its_facts(log: Any) -> None:
    event("step_done", stage="fetch", entries=["a", "b"])
    line = only_line(log())
    assert (line["event"], line["stage"], line["entries"]) == ("step_done", "fetch", ["a", "b"])
    assert (line["level"], line["service"]) == ("info", "test")
    assert line["timestamp"].endswith("Z")


def test_an_unknown_event_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="stp_done"):
        event("stp_done")


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_registered_event_can_be_logged(log: Any, name: str) -> None:
    event(name, level="error")
    assert only_line(log())["event"] == name


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\r\nand three",
        "\x1b[2J\x1b]0;owned\x07",
        "\x9b31m C1 escape",
        "\u2028 \u2029 \x85 other line ends",
        "\u202e turned around",
        "half \ud800 a character",
        "\0 nul \x7f",
        '{"event": "forged"}',
    ],
)
def test_text_of_a_publisher_cannot_break_a_line_or_drive_a_terminal(log: Any, text: str) -> None:
    event("step_done", title=text)
    written = log()
    assert only_line(written)["title"] == text
    assert written.rstrip("\n").isprintable()


def test_other_scripts_stay_readable(log: Any) -> None:
    event("step_done", title="گفت‌وگو 边境 граница")
    assert "گفت" in log()


def test_long_values_are_cut(log: Any) -> None:
    event("step_done", title="x" * 100_000)
    assert only_line(log())["title"] == "x" * LONGEST_VALUE + "…"


def test_of_a_long_traceback_the_end_is_kept(log: Any) -> None:
    event("entry_failed", level="error", detail="x" * 100_000 + "KeyError: 'last'")
    detail = only_line(log())["detail"]
    assert detail.endswith("KeyError: 'last'")
    assert len(detail) <= LONGEST_TRACEBACK + 1


def test_values_of_any_kind_are_written(log: Any) -> None:
    event("step_done", error=ValueError("x"), count=3, nothing=None)
    line = only_line(log())
    assert (line["error"], line["count"], line["nothing"]) == ("ValueError('x')", 3, None)


def test_libraries_write_the_same_lines(log: Any) -> None:
    try:
        raise KeyError("gone\n" + "x" * 100_000)
    except KeyError:
        logging.getLogger("some.library").exception("it said %s", "a\x1bb")
    line = only_line(log())
    assert (line["event"], line["logger"], line["level"]) == ("it said a\x1bb", "some.library", "error")
    assert line["exception"].startswith("…")
    assert len(line["exception"]) <= LONGEST_TRACEBACK + 1


def test_what_is_below_the_level_is_not_written(log: Any) -> None:
    event("step_done", level="debug")
    logging.getLogger("some.library").debug("chatter")
    logging.getLogger("httpx").info("chatter")
    assert log() == ""


def test_configuring_twice_does_not_write_twice(log: Any) -> None:
    for _ in range(2):
        configure_logging("test", "info")
    assert len(logging.getLogger().handlers) == 1


def test_every_event_of_the_code_is_registered() -> None:
    root = Path(__file__).parents[2] / "workers"
    used = {name for file in root.rglob("*.py") for name in re.findall(r"\bevent\(\s*\"(\w+)\"", file.read_text())}
    assert used
    assert used - EVENTS == set()
