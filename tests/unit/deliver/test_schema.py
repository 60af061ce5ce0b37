"""The published JSON Schema of the event: it says what is sent, and a change that would break a reader is refused."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from workers.deliver.contract import Change
from workers.deliver.event import DATA_SCHEMA, SCHEMA, event_of, with_text
from workers.deliver.schema import as_file, event_schema, published

SAMPLES = Path(__file__).parent.parent.parent / "samples"
#: The schema as it was first published. Never edited: it stands for every reader that there is.
FIRST = json.loads((SAMPLES / "schemas" / "change-1.first.json").read_text(encoding="utf-8"))
#: A change of each shape that ever was: what is stored under `type`, `unflagged` and `payload`.
STORED = sorted((SAMPLES / "changes").glob("*.json"))

#: What was added to a closed list since, by the place that `breaks` names. docs/formats.md says so to readers.
WIDENED: dict[str, set[str]] = {}


def event_from(path: Path) -> dict[str, Any]:
    stored = json.loads(path.read_text(encoding="utf-8"))
    moment = datetime(2026, 3, 11, 8, 21, 7, tzinfo=UTC)
    rest = {"seq": 17, "event_id": UUID(int=1), "entry_id": UUID(stored["payload"]["id"]), "created_at": moment}
    return event_of(stored | rest, "0b0d86a4-0000-4000-8000-000000000000")


# --- what breaks a reader --------------------------------------------------------------------------

#: Words of JSON Schema that hold nobody to anything.
SILENT = {"title", "description", "default", "$defs", "$id", "$schema", "$anchor", "examples", "$comment"}


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return, in words, what of `new` would break a reader of `old`, or no longer admits what was stored then.

    For both sides a part may only grow by properties that need not be there. Wider (null, another word of a closed
    list) is what a reader has no branch for; narrower is what a stored event may violate.
    """
    return list(_differences("", _inlined(old, old), _inlined(new, new)))


def _inlined(node: Any, root: dict[str, Any]) -> Any:
    """Return a schema with its references replaced by what they refer to: the names in `$defs` are nobody's."""
    if isinstance(node, list):
        return [_inlined(one, root) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    return {name: _inlined(value, root) for name, value in node.items()}


def _differences(where: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for word in sorted((old.keys() | new.keys()) - SILENT):
        was, now = old.get(word), new.get(word)
        if word in WITHIN and type(was) is type(now):
            yield from WITHIN[word](where, was, now)
        elif was != now:
            yield f"{where} has {word} {now}, had {was}"


def _properties(where: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name, shape in was.items():
        if name in now:
            yield from _differences(f"{where}/{name}", shape, now[name])
        else:
            yield f"{where}/{name} is gone"


def _required(where: str, was: list[str], now: list[str]) -> Iterator[str]:
    for name in sorted(set(was) ^ set(now)):
        yield f"{where}/{name} is {'always' if name in now else 'not always'} there"


def _words(where: str, was: list[str], now: list[str]) -> Iterator[str]:
    for name in sorted(set(was) ^ set(now)):
        if name not in WIDENED.get(where, set()):
            yield f"{where} {'may be' if name in now else 'is never'} {name}"


def _every(where: str, was: Any, now: Any) -> Iterator[str]:
    if isinstance(was, bool):
        yield from [] if was == now else [f"{where} takes other names: {now}"]
    else:
        yield from _differences(f"{where}[]", was, now)


def _choices(where: str, was: list[Any], now: list[Any]) -> Iterator[str]:
    if len(was) != len(now):
        yield f"{where} is one of {len(now)} kinds, was of {len(was)}"
    for place, (one, other) in enumerate(zip(was, now, strict=False)):
        yield from _differences(f"{where}|{place}", one, other)


#: Words whose values are looked into.
WITHIN: dict[str, Callable[[str, Any, Any], Iterator[str]]] = {
    "properties": _properties,
    "required": _required,
    "enum": _words,
    "items": _every,
    "additionalProperties": _every,
    "anyOf": _choices,
    "prefixItems": _choices,
}


def article(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"]["ToldArticle"]
    return found


def change_of(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = deepcopy(FIRST)
    edit(made)
    return made


# --- the published file ----------------------------------------------------------------------------


def test_the_file_is_made_from_the_contract() -> None:
    assert published() == as_file(event_schema()), "run `python -m workers.deliver.schema`, and see what changes"


def test_nothing_that_was_published_breaks_a_reader_or_an_old_event() -> None:
    assert breaks(FIRST, json.loads(published())) == []


def test_a_widened_list_is_told_to_readers() -> None:
    told = (SAMPLES.parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
    for where, words in WIDENED.items():
        assert all(f"`{word}`" in told for word in words), where


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda s: article(s)["properties"].pop("title"), ["/data/article/title is gone"]),
        (lambda s: s["properties"].pop("seq"), ["/seq is gone"]),
        (lambda s: article(s)["required"].remove("title"), ["/data/article/title is not always there"]),
        (lambda s: article(s)["required"].append("story"), ["/data/article/story is always there"]),
        (
            lambda s: article(s)["properties"]["title"].update(type="integer"),
            ["/data/article/title has type integer, had string"],
        ),
        (
            lambda s: article(s)["properties"]["title"].update(maxLength=80),
            ["/data/article/title has maxLength 80, had None"],
        ),
        (
            lambda s: article(s)["properties"]["authors"]["items"].update(type="object"),
            ["/data/article/authors[] has type object, had string"],
        ),
        (
            lambda s: article(s)["properties"]["canonical_url"]["anyOf"].pop(),
            ["/data/article/canonical_url is one of 1 kinds, was of 2"],
        ),
        (
            lambda s: article(s)["properties"]["quality"]["enum"].append("part"),
            ["/data/article/quality may be part"],
        ),
        (
            lambda s: s["properties"]["type"]["enum"].remove("wirewatch.article.withdrawn"),
            ["/type is never wirewatch.article.withdrawn"],
        ),
        (
            lambda s: s["$defs"]["SourceReference"]["properties"].pop("state_owned"),
            ["/data/article/source/state_owned is gone"],
        ),
        (
            lambda s: s["$defs"]["EvidenceSpan"].update(additionalProperties=False),
            ["/data/article/flags[]/evidence[] takes other names: False"],
        ),
        # what readers need not hear of
        (lambda s: article(s)["properties"].update(novel={"type": "string"}), []),
        (lambda s: article(s)["properties"]["title"].update(description="As printed."), []),
        (lambda s: s["$defs"].update(Novel={"type": "object"}), []),
    ],
)  # fmt: skip
def test_each_change_that_breaks_a_reader_is_named(edit: Callable[[dict[str, Any]], object], said: list[str]) -> None:
    assert breaks(FIRST, change_of(edit)) == said


# --- what is sent ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(published())
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.FormatChecker(["uuid", "date-time"])
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_change_of_every_time_is_an_event_of_today(path: Path, validator: Any) -> None:
    event = event_from(path)
    for sent in (event, with_text(event, "Border guards met.\nThey talked.")):
        validator.validate(sent)
        assert Change.model_validate(sent).model_dump(mode="json", exclude_unset=True) == sent


def test_the_samples_are_all_there() -> None:
    assert [path.stem[0] for path in STORED] == list("123456")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("id",), "7"),
        (("type",), "created"),
        (("seq",), "17"),
        (("specversion",), "0.3"),
        (("time",), "yesterday"),
        (("data", "unflagged"), None),
        (("data", "article", "flags"), {}),
        (("data", "article", "source", "state_owned"), "no"),
        (("data", "article", "language_confidence"), 2),
    ],
)
def test_what_is_no_event_is_told_apart(where: tuple[str, ...], value: Any, validator: Any) -> None:
    event = event_from(STORED[-1])
    node = event
    for name in where[:-1]:
        node = node[name]
    node[where[-1]] = value
    (problem,) = validator.iter_errors(event)
    assert tuple(problem.absolute_path) == where


def test_data_has_a_schema_of_its_own() -> None:
    """CloudEvents: `dataschema` names the schema that `data` adheres to, not that of the whole event."""
    schema = json.loads(published())
    (anchored,) = [one for one in schema["$defs"].values() if "$anchor" in one]
    assert f"{schema['$id']}#{anchored['$anchor']}" == DATA_SCHEMA
    assert schema["$id"] == SCHEMA
    assert set(anchored["properties"]) == set(event_from(STORED[0])["data"])
