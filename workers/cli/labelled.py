"""Labelled articles, which training and evaluation read: files, the packs' examples, analysts' verdicts.

A file holds JSON lines, plain or gzipped, of {"lang", "title", "text", "about": [...], "touch": [...]}: `about` names
the topics that a reader found, `touch` those that are only mentioned and count neither way; all others are absent.
Other keys are left alone.
"""

import gzip
import json
import zlib
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from config.topics import TopicPack
from workers.classify.learning.training import Labelled
from workers.domain.errors import ConfigError, Problem
from workers.store.verdicts import JudgedArticle


class JsonLine(NamedTuple):
    """One line of a file, an object of JSON; what it holds is checked as it is asked for."""

    file: Path
    number: int  # 1-based
    found: dict[str, Any]

    def text(self, name: str) -> str:
        """Return a text, "" when it is null or not there. Raises ConfigError when it is no text."""
        value = self.found.get(name)
        if not isinstance(value, str | None):
            raise self.refused("must be text", name)
        return value or ""

    def names(self, name: str) -> list[str]:
        """Return a list of texts. Raises ConfigError when it is none or not there."""
        if name not in self.found:
            raise self.refused("is missing", name)
        value = self.found[name]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.refused("must be a list of texts", name)
        return value

    def refused(self, message: str, field: str | None = None) -> ConfigError:
        """Return the error that names the line."""
        return ConfigError(Problem(file=self.file, line=self.number, field=field, message=message))


def json_lines(path: Path) -> Iterator[JsonLine]:
    """Yield each line of a file, plain or gzipped (*.gz), empty ones left out.

    Raises ConfigError, with file and line, for what is no object of JSON.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigError(Problem(file=path, message=f"cannot be read: {error}")) from error
    for number, line in enumerate(text.split("\n"), 1):  # not `splitlines`: U+2028 may stand in a text of JSON
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ConfigError(Problem(file=path, line=number, message=f"not JSON: {error}")) from error
        if not isinstance(found, dict):
            raise ConfigError(Problem(file=path, line=number, message="not an object of JSON"))
        yield JsonLine(path, number, found)


def read_labelled(path: Path, topics: Collection[str] | None = None) -> list[Labelled]:
    """Return the articles of a file; every label must be one of `topics`, where these are given.

    Raises ConfigError, with file, line and field, when it is not such a file.
    """
    return [_labelled(line, topics) for line in json_lines(path)]


def _labelled(line: JsonLine, topics: Collection[str] | None) -> Labelled:
    return Labelled(
        language=line.text("lang") or "und",
        title=line.text("title"),
        text=line.text("text"),
        about=_labels(line, "about", topics),
        touch=_labels(line, "touch", topics),
    )


def _labels(line: JsonLine, field: str, topics: Collection[str] | None) -> frozenset[str]:
    found = line.names(field)
    for one in found:
        if topics is not None and one not in topics:
            near = get_close_matches(one, topics, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise line.refused(f"no topic pack has the id {one!r}{hint}", field)
    return frozenset(found)


def labelled_examples(packs: Iterable[TopicPack]) -> list[Labelled]:
    """Return the examples that stand in packs; each says something of its own pack's topic alone."""
    packs = list(packs)
    topics = frozenset(pack.id for pack in packs)
    return [
        Labelled(
            language=example.language,
            title=example.title,
            text=example.text,
            about=frozenset({pack.id} if example.about else ()),
            touch=topics - {pack.id},
        )
        for pack in packs
        for example in pack.examples
    ]


def labelled_verdicts(articles: Iterable[JudgedArticle], topics: Iterable[str]) -> list[Labelled]:
    """Return judged articles with labels for `topics`: what nobody judged, or analysts disagree on, counts neither way.

    Articles of which no such topic was judged are left out.
    """
    known = frozenset(topics)
    return [
        Labelled(
            language=one.language,
            title=one.title,
            text=one.text,
            about=one.confirmed & known,
            touch=known - one.confirmed - one.rejected,
        )
        for one in articles
        if known & (one.confirmed | one.rejected)
    ]
