"""YAML read by libyaml, which takes a fifteenth of the time of a reader that knows comments and lines.

It gives the values of plain documents, or none at all: whatever is wrong, or is read otherwise by another edition of
YAML, is left to `config.yamlfile`, which names the line. So one reader judges what is right, and it is not this one.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml

#: Deeper than any file that an operator writes; each level is one call.
DEEPEST = 20

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+")
#: Other numbers and dates ("010", "1e3", "0x1f", "1:30", "2026-11-22 09:00:00Z", ".inf"), and what merges mappings.
_ODD = re.compile(r"[-+.]*[0-9][-+.:_\sa-fA-FoxTtZz0-9]*|[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)|<<|=")


#: Wheels of PyYAML have libyaml inside; what was built without it is slower and says the same.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class NotPlain(Exception):  # noqa: N818  (no error: another reader's turn)
    """The document is no plain one, or none."""


def plain_values(text: str) -> Any:
    """Return what one YAML document says, in dicts, lists, str, int, float, bool and None.

    Raises NotPlain when it is not well-formed, nests more than `DEEPEST` levels, gives a key twice, or has anchors,
    tags, directives, further documents, or numbers that YAML 1.1 and 1.2 do not read alike.
    """
    try:
        events = yaml.parse(text, Loader=_LOADER)
        _expect(events, yaml.StreamStartEvent)
        begun = _expect(events, yaml.DocumentStartEvent)
        if begun.version or begun.tags:
            raise NotPlain
        value = _value(next(events), events, DEEPEST)
        _expect(events, yaml.DocumentEndEvent)
        _expect(events, yaml.StreamEndEvent)
    except yaml.YAMLError as error:
        raise NotPlain from error
    return value


def nests_deeper(text: str, levels: int) -> bool:
    """Return whether lists and groups stand more than `levels` deep in each other, as far as the text can be read."""
    depth = 0
    with suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > levels:
                return True
    return False


def _expect(events: Iterator[Any], kind: type) -> Any:
    event = next(events)
    if not isinstance(event, kind):
        raise NotPlain
    return event


def _value(event: Any, events: Iterator[Any], levels: int) -> Any:
    """Return the value that begins with `event`, and take its other events."""
    if not levels or isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
        raise NotPlain
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_value(item, events, levels - 1))
        return items
    mapping: dict[str, Any] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name = _value(key, events, levels - 1)
        if not isinstance(name, str) or name in mapping:
            raise NotPlain
        mapping[name] = _value(next(events), events, levels - 1)
    return mapping


def _scalar(written: str) -> str | float | bool | None:
    """Return what a scalar without quotes stands for."""
    if written in _NULLS:
        return None
    if written in _TRUTHS:
        return _TRUTHS[written]
    if _WHOLE.fullmatch(written):
        return int(written)
    if _DECIMAL.fullmatch(written):
        return float(written)
    if _ODD.fullmatch(written):
        raise NotPlain
    return written
