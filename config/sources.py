"""The watched sources: what `config/sources.yaml` may say, and every way in which it can be wrong."""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import re2
from babel import Locale
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from config.quickyaml import NotPlain, plain_values
from config.yamlfile import line_of, parse_tree, problems_of, read_text, shown
from workers.domain.errors import ConfigError, Problem
from workers.domain.selectors import compiled
from workers.domain.values import ExtractRules, Source

#: Two-letter keys of CLDR's territory list that no country of ISO 3166-1 has: groupings, islands with an exceptional
#: reservation, pseudo-locales. Kosovo (XK) is not in the standard either, but in common use for want of a code: kept.
NOT_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})

#: Serbo-Croatian was withdrawn from ISO 639-1 in 2000.
NOT_LANGUAGES = frozenset({"sh"})

ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@cache
def languages() -> frozenset[str]:
    """Return the codes of ISO 639-1, from CLDR."""
    codes = map(str, Locale.parse("en").languages)
    return frozenset(code for code in codes if len(code) == 2) - NOT_LANGUAGES


@cache
def countries() -> frozenset[str]:
    """Return the codes of ISO 3166-1 alpha-2, from CLDR."""
    codes = map(str, Locale.parse("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - NOT_COUNTRIES


def _slug(value: str) -> str:
    if not 2 <= len(value) <= 64 or not ID_CHARACTERS.issuperset(value):
        raise ValueError("must be 2 to 64 characters, each of a-z, 0-9 or -")
    return value


def _one_line(value: str) -> str:
    """Refuse what breaks a table, a log line or an XML export: control characters, line ends, half characters."""
    if not value.strip():
        raise ValueError("must not be empty")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    if any(unicodedata.category(char) in {"Cc", "Cs", "Cn", "Zl", "Zp"} for char in value):
        raise ValueError("must be one line without control characters")
    return value


def _feed_url(value: str) -> str:
    if any(char.isspace() or not char.isprintable() for char in value):
        raise ValueError("must not contain spaces or control characters")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must start with http:// or https://")
    if not parts.hostname:
        raise ValueError("has no host name")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    if port == 0:
        raise ValueError("port 0 cannot be fetched")
    return value


def _language(value: str) -> str:
    if value not in languages():
        raise ValueError("not a language code of ISO 639-1 (two small letters, as in en, fa, zh)")
    return value


def _country(value: str) -> str:
    if value not in countries():
        raise ValueError("not a country code of ISO 3166-1 alpha-2 (two capital letters, as in GB, IR, CN)")
    return value


Kind = Literal["feed", "sitemap", "listing"]


def _pattern(value: str) -> str:
    """Refuse what RE2 does not take: it runs in linear time, so that no page can hang a worker."""
    try:
        re2.compile(value, _quiet())
    except re2.error as error:
        why = error.args[0] if error.args else ""
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f"not a regular expression of RE2: {said}") from error
    return value


@cache
def _quiet() -> Any:
    """Return RE2's options without its own message on standard error."""
    options = re2.Options()
    options.log_errors = False
    return options


def _selector(value: str) -> str:
    compiled(value)
    return value


def _element_selector(value: str) -> str:
    compiled(value, elements=True)
    return value


def _several(value: Any) -> Any:
    """Return a list of what may be written as one."""
    if value is None:
        raise ValueError("must be a selector or a list of them (one that begins with # needs quotes)")
    return (value,) if isinstance(value, str) else value


#: A selector of 500 characters is a page of its own; of 20 for one field, most are for layouts that are gone.
Selectors = Annotated[
    tuple[Annotated[str, Field(max_length=500), AfterValidator(_selector)], ...],
    BeforeValidator(_several),
    Field(max_length=20),
]
ElementSelectors = Annotated[
    tuple[Annotated[str, Field(max_length=500), AfterValidator(_element_selector)], ...],
    BeforeValidator(_several),
    Field(max_length=20),
]


class ExtractSpec(BaseModel):
    """How a source's pages are read, where the usual way does not serve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: ElementSelectors = ()
    remove: ElementSelectors = ()
    title: Selectors = ()
    author: Selectors = ()
    published: Selectors = ()


class SourceSpec(BaseModel):
    """One source, as an operator describes it: facts, no score."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, AfterValidator(_slug)]
    name: Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
    url: Annotated[str, Field(max_length=2000), AfterValidator(_feed_url)]
    language: Annotated[str, AfterValidator(_language)]
    country: Annotated[str, AfterValidator(_country)]
    owner: Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
    state_owned: StrictBool
    enabled: StrictBool = True
    kind: Kind = "feed"
    links: Annotated[str, Field(max_length=500, validate_default=True)] = ""
    robots: Literal["respect", "ignore"] = "respect"
    revisit: StrictBool = True
    extract: ExtractSpec = ExtractSpec()

    @field_validator("links")
    @classmethod
    def _links_of_a_listing(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind == "listing" and not value:
            raise PydanticCustomError("missing", "missing")
        if kind in {"feed", "sitemap"} and value:
            raise ValueError(f"only a listing has a pattern of links, and this is a {kind}")
        return _pattern(value)

    def to_domain(self) -> Source:
        """Return the source as the path knows it."""
        same = self.model_dump(exclude={"enabled", "robots", "revisit", "extract"})
        rules = ExtractRules(**self.extract.model_dump())
        return Source(**same, obeys_robots=self.robots == "respect", revisited=self.revisit, extract=rules)

    @classmethod
    def from_domain(cls, source: Source) -> Self:
        """Return a source as an operator would describe it."""
        same = {name: getattr(source, name) for name in Source.__dataclass_fields__ if name in cls.model_fields}
        others = {
            "robots": "respect" if source.obeys_robots else "ignore",
            "revisit": source.revisited,
            "extract": ExtractSpec(**asdict(source.extract)),
        }
        return cls(**same | others)


class SourcesFile(BaseModel):
    """The whole file. A later shape of it gets another version number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    sources: tuple[SourceSpec, ...]


def load_sources(path: Path) -> tuple[SourceSpec, ...]:
    """Return the sources of a file, in its order, disabled ones included.

    Raises ConfigError with every problem of the file at once, each with file, line and field.
    """
    return parse_sources(read_text(path), path)


def parse_sources(text: str, path: Path) -> tuple[SourceSpec, ...]:
    """Return the sources of a file's text; `path` is only named in the errors. Raises ConfigError as `load_sources`."""
    # nearly every file is as it should be: lines are looked for where one is not
    with suppress(NotPlain, ValidationError):
        values = plain_values(text)
        found = SourcesFile.model_validate(values).sources
        if not any(duplicates(values, path)):
            return found
    tree = parse_tree(text, path)
    problems: list[Problem] = []
    sources: tuple[SourceSpec, ...] = ()
    try:
        sources = SourcesFile.model_validate(tree).sources
    except ValidationError as error:
        problems += problems_of(error, path, tree)
    problems += duplicates(tree, path)
    if problems:
        raise ConfigError(*sorted(problems, key=lambda problem: problem.line or 0))
    return sources


def duplicates(tree: Any, path: Path) -> Iterator[Problem]:
    """Yield a problem for each id or feed that an earlier source of the parsed file already has.

    Looks at the tree and not at the models, so that one wrong source does not hide the duplicates of others.
    """
    entries = tree.get("sources") if isinstance(tree, dict) else None
    first: dict[tuple[str, str], int | None] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        for field, key_of in (("id", str), ("url", feed_key)):
            value = entry.get(field) if isinstance(entry, dict) else None
            if not isinstance(value, str):
                continue
            line = line_of(tree, ("sources", index, field))
            key = (field, key_of(value))
            if key in first:
                message = f"already used on line {first[key]} (found {shown(value)})"
                yield Problem(file=path, line=line, field=f"sources.{index}.{field}", message=message)
            else:
                first[key] = line


def feed_key(url: str) -> str:
    """Return what the addresses of one feed share: without scheme, fragment, capitals of the host, last slash."""
    rest = url.partition("#")[0].partition("://")[2] or url
    host, slash, path = rest.partition("/")
    return (host.lower() + slash + path).rstrip("/")
