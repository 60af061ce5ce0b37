"""An event as one row of a table, for CSV and Parquet: flat, typed, one meaning a column. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from workers.deliver.event import word_of

Event = Mapping[str, Any]
Kind = Literal["integer", "number", "boolean", "text", "time", "texts", "numbers"]

#: A spreadsheet takes a cell that begins so for a formula, and may run what it names (OWASP, "CSV Injection"). The
#: full-width signs are the same to some of them in East Asian settings.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what its cells are, and where the value comes from."""

    name: str
    kind: Kind
    of: Callable[[Event], Any]


def _fact(name: str) -> Callable[[Event], Any]:
    return lambda event: event["data"]["article"].get(name)


def _within(outer: str, name: str) -> Callable[[Event], Any]:
    return lambda event: (event["data"]["article"].get(outer) or {}).get(name)


def _each(outer: str, name: str) -> Callable[[Event], list[Any]]:
    return lambda event: [one[name] for one in event["data"]["article"].get(outer, [])]


def _flagged(event: Event) -> list[Any]:
    return [one for one in event["data"]["article"]["flags"] if one["flagged"]]


def _sentence(flag: Mapping[str, Any]) -> str:
    """Return the words that tell best why: the sentence around the strongest evidence, or that alone."""
    best = flag.get("sentence") or next(iter(flag["evidence"]), None)
    return str(best["text"]) if best else ""


#: In this order; new columns go to the end, so that who counts them is not misled.
COLUMNS = (
    Column("seq", "integer", lambda event: event["seq"]),
    Column("event_id", "text", lambda event: event["id"]),
    Column("type", "text", word_of),
    Column("time", "time", lambda event: event["time"]),
    Column("id", "text", lambda event: event["subject"]),
    Column("version", "integer", _fact("version")),
    Column("title", "text", _fact("title")),
    Column("url", "text", _fact("url")),
    Column("canonical_url", "text", _fact("canonical_url")),
    Column("language", "text", _fact("language")),
    Column("language_confidence", "number", _fact("language_confidence")),
    Column("authors", "texts", _fact("authors")),
    Column("published", "time", _fact("published")),
    Column("published_from", "text", _fact("published_from")),
    Column("updated", "time", _fact("updated")),
    Column("updated_from", "text", _fact("updated_from")),
    Column("discovered", "time", _fact("discovered")),
    Column("section", "text", _fact("section")),
    Column("dateline_place", "text", _within("dateline", "place")),
    Column("dateline_agency", "text", _within("dateline", "agency")),
    Column("wire_credit", "text", _fact("wire_credit")),
    Column("image", "text", _fact("image")),
    Column("is_paywalled", "boolean", _fact("is_paywalled")),
    Column("quality", "text", _fact("quality")),
    Column("source_id", "text", _within("source", "id")),
    Column("source_name", "text", _within("source", "name")),
    Column("source_country", "text", _within("source", "country")),
    Column("source_owner", "text", _within("source", "owner")),
    Column("source_state_owned", "boolean", _within("source", "state_owned")),
    Column("story", "text", _fact("story")),
    Column("duplicate_of", "text", _fact("duplicate_of")),
    Column("model", "text", _fact("model")),
    Column("topics", "texts", lambda event: [one["topic"] for one in _flagged(event)]),
    Column("probabilities", "numbers", lambda event: [one["probability"] for one in _flagged(event)]),
    Column("sentences", "texts", lambda event: [_sentence(one) for one in _flagged(event)]),
    Column("pack_versions", "texts", lambda event: [one["pack_version"] for one in _flagged(event)]),
    Column("unflagged", "texts", lambda event: event["data"]["unflagged"]),
    Column("countries", "texts", _each("countries", "code")),
    Column("organisations", "texts", _each("organisations", "id")),
    Column("text", "text", _fact("text")),
)


def row_of(event: Event) -> dict[str, Any]:
    """Return an event as a row of typed values; None where nothing is known."""
    return {one.name: _typed(one.kind, one.of(event)) for one in COLUMNS}


def cells_of(event: Event) -> list[str]:
    """Return an event as the cells of a CSV line that no spreadsheet takes for formulas."""
    return [cell(value) for value in row_of(event).values()]


def cell(value: Any) -> str:
    """Return a value as the text of a cell: what begins like a formula gets an apostrophe before it.

    Lists are joined with `; `. Numbers, booleans and times stay as they are: none of ours is below zero.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case int() | float():
            return str(value)
        case list():
            value = "; ".join(map(str, value))
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _typed(kind: Kind, value: Any) -> Any:
    return datetime.fromisoformat(value) if kind == "time" and value is not None else value
