"""Topic packs: what an analyst writes in `config/topics/<id>.yaml`, checked and made ready for matching."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.yamlfile import read_model
from workers.domain.errors import ConfigError, Problem

#: What a tier weighs in the score (workers/classify/score.py); the midpoint there is 4.
WEIGHTS = {"strong": 3.0, "medium": 1.5, "weak": 0.5}

#: No term is longer than this; a longer one is a sentence pasted by mistake.
MAX_TERM = 80


def _is_findable(term: str) -> str:
    """Refuse a term without letters or digits: marks, joiners and punctuation are folded away before matching."""
    if not any(c.isalnum() and c != "ـ" and not unicodedata.combining(c) for c in term):
        raise ValueError("a term needs a letter or a digit")
    if re.search(r"\*\S|(^|\s)\*", term):
        raise ValueError("a star may only stand at the end of a word")
    return term


Term = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TERM, strict=True),
    AfterValidator(_is_findable),
]
Terms = Annotated[tuple[Term, ...], Field(min_length=1)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]  # ISO 639-1
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tiers(_Part):
    """Terms of one language, by how much each says on its own."""

    strong: Terms | None = None
    medium: Terms | None = None
    weak: Terms | None = None

    @model_validator(mode="after")
    def _has_no_repeats(self) -> Self:
        if not (self.strong or self.medium or self.weak):
            raise ValueError("give at least one of strong, medium, weak")
        seen: set[str] = set()
        for _, term in self.by_tier():
            if term.casefold() in seen:
                raise ValueError(f"the term {term!r} stands here twice")
            seen.add(term.casefold())
        return self

    def by_tier(self) -> Iterator[tuple[str, str]]:
        """Yield (tier, term)."""
        for tier in WEIGHTS:
            for term in getattr(self, tier) or ():
                yield tier, term


class TopicRule(_Part):
    """Evidence that only several words together give: one of every group, near one another."""

    groups: Annotated[tuple[Name, ...], Field(min_length=2)]
    within: Annotated[int, Field(ge=1, le=50)]  # words, about a sentence at most
    weight: Annotated[float, Field(gt=0, le=10)]


class TopicExample(_Part):
    """A short item that the pack must judge as `about` says. Written by us; runs as a test."""

    about: bool
    language: Language
    title: Annotated[str, Field(min_length=1)]
    text: str = ""


class TopicPack(_Part):
    """One topic: how it is recognised, in plain words and in weighted terms."""

    id: Name
    name: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(min_length=20)]
    iptc: tuple[Annotated[str, StringConstraints(pattern=r"^medtop:\d{8}$")], ...] = ()
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    title_weight: Annotated[float, Field(ge=1, le=5)] = 2.0
    lead_weight: Annotated[float, Field(ge=1, le=5)] = 1.5
    terms: Annotated[Mapping[Language, Tiers], Field(min_length=1)]
    groups: Mapping[Language, Mapping[Name, Terms]] = {}
    rules: Annotated[tuple[TopicRule, ...], Field(validate_default=True)] = ()
    exclude: Mapping[Language, Terms] = {}
    examples: tuple[TopicExample, ...] = ()

    @field_validator("rules", mode="after")
    @classmethod
    def _fit_the_groups(cls, rules: tuple[TopicRule, ...], info: ValidationInfo) -> tuple[TopicRule, ...]:
        if len(set(rules)) != len(rules):
            raise ValueError("the same rule stands here twice")
        if "groups" not in info.data:  # has a problem of its own
            return rules
        known = {group for of_language in info.data["groups"].values() for group in of_language}
        used = {group for rule in rules for group in rule.groups}
        if used - known:
            raise ValueError(f"unknown groups: {', '.join(sorted(used - known))}")
        if known - used:
            raise ValueError(f"no rule uses the groups: {', '.join(sorted(known - used))}")
        return rules

    @property
    def version(self) -> str:
        """The first 12 hex digits of a hash of all that decides a flag; a new example does not change it."""
        deciding = self.model_dump_json(exclude={"examples", "name", "description", "iptc"})
        return hashlib.sha256(deciding.encode()).hexdigest()[:12]

    def weighted_terms(self) -> Iterator[tuple[str, str, float]]:
        """Yield (language, term, weight)."""
        for language, tiers in self.terms.items():
            for tier, term in tiers.by_tier():
                yield language, term, WEIGHTS[tier]

    def grouped_terms(self) -> Iterator[tuple[str, str, str]]:
        """Yield (language, term, group)."""
        for language, groups in self.groups.items():
            for group, terms in groups.items():
                for term in terms:
                    yield language, term, group

    def masks(self) -> Iterator[tuple[str, str]]:
        """Yield (language, phrase) of what hides evidence."""
        for language, phrases in self.exclude.items():
            for phrase in phrases:
                yield language, phrase


def load_topics(folder: Path) -> tuple[TopicPack, ...]:
    """Read every `*.yaml` of `folder`, sorted by id.

    Raises ConfigError with every problem of every file: file, line, field. A folder without packs is a problem too.
    """
    problems: list[Problem] = []
    packs: list[TopicPack] = []
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        problems.append(Problem(file=folder, message="no topic packs (*.yaml) here"))
    for path in paths:
        try:
            pack = read_model(path, TopicPack)
        except ConfigError as error:
            problems += error.problems
            continue
        if pack.id != path.stem:
            message = f"the id {pack.id!r} must be the file name without .yaml"
            problems.append(Problem(file=path, line=_line_of_id(path), field="id", message=message))
        packs.append(pack)
    if problems:
        raise ConfigError(*problems)
    return tuple(packs)


def _line_of_id(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("id:"))
