"""Topic packs: what an analyst writes in `config/topics/<id>.yaml`, checked and made ready for matching."""

import difflib
import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from config.yamlfile import read_model
from workers.domain.errors import ConfigError, Problem
from workers.domain.organisations import ORGANISATIONS
from workers.domain.values import Band

#: What a tier weighs in the score (workers/classify/matching/score.py); the midpoint there is 4.
WEIGHTS = {"strong": 3.0, "medium": 1.5, "weak": 0.5}

#: A topic is flagged from this probability on, unless the pack says so itself (docs/classification.md has the choice).
THRESHOLD = 0.4
#: How far below the threshold the uncertain band begins, unless the pack says so itself.
BAND = 0.2

#: Marks a field whose default hangs on another field.
_LEFT_OUT: Any = object()

#: No term is longer than this; a longer one is a sentence pasted by mistake.
MAX_TERM = 80


_TATWEEL, _HALF_SPACE = "ـ", "\u200c"


def _plain(term: str) -> str:
    """Return a term nearly as matching folds it (`workers.classify.matching.fold`, which this must not know).

    The same characters are left out; letters that only differ by keyboard stay apart.
    """
    return " ".join("".join(map(_plain_character, term)).split())


@functools.cache
def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if character == "*":
        return character
    if character == _HALF_SPACE:
        return " "
    if character == _TATWEEL or category in {"Mn", "Me", "Cf"}:
        return ""
    if not character.isalnum():
        return " "
    # some letters are nothing but a mark: U+FE76 is a space with a fatha
    decomposed = unicodedata.normalize("NFKD", character).casefold()
    return "".join(c for c in decomposed if c.isalnum() and c != _TATWEEL) or " "


def _is_findable(term: str) -> str:
    """Refuse a term without letters or digits: marks, joiners and punctuation are folded away before matching."""
    if not _plain(term).strip("* "):
        raise ValueError("a term needs a letter or a digit")
    if re.search(r"\*\S|(^|\s)\*", term):
        raise ValueError("a star may only stand at the end of a word")
    return term


Term = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TERM, strict=True),
    AfterValidator(_is_findable),
]


def _is_not_empty(found: Any) -> Any:
    # not `Field(min_length=1)`: pydantic counts the good items alone and tells of a bad one twice
    if not found:
        raise ValueError("is empty; leave it out")
    return found


Terms = Annotated[tuple[Term, ...], AfterValidator(_is_not_empty)]


def _is_language(code: str) -> str:
    if not re.fullmatch("[a-z]{2}", code):
        raise ValueError("must be a two-letter ISO 639-1 code, like en")
    return code


Language = Annotated[str, StringConstraints(strict=True), AfterValidator(_is_language)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]


def _is_media_topic(concept: str) -> str:
    if not re.fullmatch("medtop:[0-9]{8}", concept):
        raise ValueError("must be medtop: and eight digits; https://cv.iptc.org/newscodes/mediatopic/ has them")
    return concept


def _is_eurovoc(concept: str) -> str:
    if not re.fullmatch("eurovoc:[1-9][0-9]{0,6}", concept):
        raise ValueError("must be eurovoc: and a number: http://eurovoc.europa.eu/4452 is written eurovoc:4452")
    return concept


#: A concept of IPTC Media Topics.
MediaTopic = Annotated[str, AfterValidator(_is_media_topic)]
#: A concept of EuroVoc.
EuroVoc = Annotated[str, AfterValidator(_is_eurovoc)]


def _is_known(organisation: str) -> str:
    if organisation not in ORGANISATIONS:
        close = difflib.get_close_matches(organisation, ORGANISATIONS, 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "docs/topics.md has the list"
        raise ValueError(f"no organisation has this id; {hint}")
    return organisation


#: An international organisation that articles are searched for.
Organisation = Annotated[str, StringConstraints(strict=True), AfterValidator(_is_known)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _problem_at(location: tuple[str | int, ...], message: str, found: str) -> InitErrorDetails:
    """Return a problem of a part of what is validated: its own line is named."""
    told = PydanticCustomError("value_error", "{message}", {"message": message})
    return InitErrorDetails(type=told, loc=location, input=found)


class Tiers(_Part):
    """Terms of one language, by how much each says on its own."""

    strong: Terms | None = None
    medium: Terms | None = None
    weak: Terms | None = None

    @model_validator(mode="after")
    def _has_no_repeats(self) -> Self:
        if not (self.strong or self.medium or self.weak):
            raise ValueError("give at least one of strong, medium, weak")
        seen: dict[str, str] = {}
        repeats: list[InitErrorDetails] = []
        for tier in WEIGHTS:
            for number, term in enumerate(getattr(self, tier) or ()):
                plain = _plain(term)
                if plain in seen:
                    same = "" if seen[plain] == term else f": {seen[plain]!r} is the same"
                    repeats.append(_problem_at((tier, number), f"the term stands here twice{same}", term))
                seen.setdefault(plain, term)
        if repeats:
            raise ValidationError.from_exception_data(type(self).__name__, repeats)
        return self

    def by_tier(self) -> Iterator[tuple[str, str]]:
        """Yield (tier, term)."""
        for tier in WEIGHTS:
            for term in getattr(self, tier) or ():
                yield tier, term


def _are_different(groups: tuple[str, ...]) -> tuple[str, ...]:
    if len(groups) < 2:
        raise ValueError("a rule joins at least two groups")
    if len(set(groups)) < len(groups):
        raise ValueError("names the same group twice: one word would be enough for both")
    return groups


class TopicRule(_Part):
    """Evidence that only several words together give: one of every group, near one another."""

    groups: Annotated[tuple[Name, ...], AfterValidator(_are_different)]
    within: Annotated[int, Field(ge=1, le=50)]  # words, about a sentence at most
    weight: Annotated[float, Field(gt=0, le=10)]
    # only where so many different ones are named (`workers.classify.entities.nearby`); 0: it does not matter
    countries: Annotated[int, Field(ge=0, le=5)] = 0

    def __str__(self) -> str:
        """Say it in words."""
        where = f" and {self.countries} countries nearby" if self.countries else ""
        return f"{' and '.join(self.groups)} within {self.within} words{where}, {self.weight:g} points"


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
    iptc: tuple[MediaTopic, ...] = ()
    eurovoc: tuple[EuroVoc, ...] = ()
    threshold: Annotated[float, Field(gt=0, le=1)] = THRESHOLD
    uncertain_from: Annotated[float, Field(gt=0, le=1, validate_default=True)] = _LEFT_OUT
    title_weight: Annotated[float, Field(ge=1, le=5)] = 2.0
    lead_weight: Annotated[float, Field(ge=1, le=5)] = 1.5
    terms: Annotated[Mapping[Language, Tiers], AfterValidator(_is_not_empty)]
    groups: Mapping[Language, Mapping[Name, Terms]] = {}
    organisations: Mapping[Name, Annotated[tuple[Organisation, ...], AfterValidator(_is_not_empty)]] = {}  # by group
    rules: Annotated[tuple[TopicRule, ...], Field(validate_default=True)] = ()
    exclude: Mapping[Language, Terms] = {}
    examples: tuple[TopicExample, ...] = ()

    @field_validator("uncertain_from", mode="before")
    @classmethod
    def _begins_below_the_threshold(cls, given: Any, info: ValidationInfo) -> Any:
        if given is not _LEFT_OUT:
            return given
        threshold = float(info.data.get("threshold", THRESHOLD))  # absent when it has a problem of its own
        return min(threshold, max(round(threshold - BAND, 4), 0.05))

    @field_validator("uncertain_from", mode="after")
    @classmethod
    def _is_not_above_the_threshold(cls, uncertain_from: float, info: ValidationInfo) -> float:
        if uncertain_from > info.data.get("threshold", 1):
            raise ValueError(f"is above the threshold of {info.data['threshold']:g}")
        return uncertain_from

    @field_validator("rules", mode="after")
    @classmethod
    def _fit_the_groups(cls, rules: tuple[TopicRule, ...], info: ValidationInfo) -> tuple[TopicRule, ...]:
        if len(set(rules)) != len(rules):
            raise ValueError("the same rule stands here twice")
        if not {"groups", "organisations"} <= info.data.keys():  # has a problem of its own
            return rules
        known = {group for of_language in info.data["groups"].values() for group in of_language}
        known |= info.data["organisations"].keys()
        used = {group for rule in rules for group in rule.groups}
        if used - known:
            raise ValueError(f"unknown groups: {', '.join(sorted(used - known))}")
        if known - used:
            raise ValueError(f"no rule uses the groups: {', '.join(sorted(known - used))}")
        return rules

    @property
    def version(self) -> str:
        """The first 12 hex digits of a hash of all that decides a flag; a new example does not change it."""
        silent = {"examples", "name", "description", "iptc", "eurovoc"}
        # what a pack does not use is no part of its version: a newer program reads it as the older one did
        if not self.organisations:
            silent.add("organisations")
        unused: Any = {"rules": {"__all__": {"countries"}}} if not any(rule.countries for rule in self.rules) else {}
        deciding = self.model_dump_json(exclude=dict.fromkeys(silent, True) | unused)
        return hashlib.sha256(deciding.encode()).hexdigest()[:12]

    def band(self, probability: float) -> Band:
        """Return how a probability is read: flagged, uncertain (for a person to look at), or not flagged."""
        if probability >= self.threshold:
            return "flagged"
        return "uncertain" if probability >= self.uncertain_from else "not flagged"

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

    def grouped_organisations(self) -> Iterator[tuple[str, str]]:
        """Yield (organisation, group)."""
        for group, organisations in self.organisations.items():
            for organisation in organisations:
                yield organisation, group

    def masks(self) -> Iterator[tuple[str, str]]:
        """Yield (language, phrase) of what hides evidence."""
        for language, phrases in self.exclude.items():
            for phrase in phrases:
                yield language, phrase


def load_topics(path: Path) -> tuple[TopicPack, ...]:
    """Read every `*.yaml` of a folder, sorted by id, or the one file that `path` names.

    Raises ConfigError with every problem of every file: file, line, field. A folder without packs is a problem too, and
    so is a `*.yml` in it, which somebody takes for a pack.
    """
    packs: list[TopicPack] = []
    paths = [path] if path.is_file() else sorted(path.glob("*.yaml"))
    problems = [Problem(file=file, message="name it *.yaml, or it is no pack") for file in sorted(path.glob("*.yml"))]
    if not paths:
        problems.append(Problem(file=path, message="no topic packs (*.yaml) here"))
    for file in paths:
        try:
            pack = read_model(file, TopicPack)
        except ConfigError as error:
            problems += error.problems
            continue
        if pack.id != file.stem:
            message = f"the id {pack.id!r} must be the file name without .yaml"
            problems.append(Problem(file=file, line=_line_of_id(file), field="id", message=message))
        packs.append(pack)
    if problems:
        raise ConfigError(*problems)
    return tuple(packs)


def _line_of_id(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("id:"))
