"""The linear model on top of the lexicon: from the evidence of a topic to a calibrated probability.

It judges evidence and adds none: a topic without a hit never comes here, so style alone flags nothing.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from workers.classify.probability.calibration import Calibration, Platt
from workers.classify.probability.features import NAMES, Reading, features
from workers.classify.probability.logistic import logistic
from workers.domain.errors import ConfigError, Problem

#: The artefact that comes with the program; `wirewatch train` writes it, its card says what it was made of.
ARTEFACT = Path(__file__).parent / "artefact" / "model.json"

#: Training writes numbers below 10; beyond this one the sums may leave what a floating-point number holds.
LARGEST = 1e6


@dataclass(frozen=True)
class Model:
    """Weights of the features `NAMES`, the bias, and the calibration."""

    bias: float
    weights: tuple[float, ...]
    calibration: Calibration

    @cached_property
    def version(self) -> str:
        """The first 12 hex digits of the sha256 of the artefact: another number, another version."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:12]

    def value(self, numbers: Sequence[float]) -> float:
        """Return the log-odds of the features `numbers`, the same for every topic and language."""
        return self.bias + sum(w * n for w, n in zip(self.weights, numbers, strict=True))

    def probability(self, reading: Reading, topic: str) -> float:
        """Return how probable it is that the article is about `topic`, one of `reading.topics`."""
        return logistic(self.calibration(self.value(features(reading, topic)), topic, reading.language))

    def as_json(self) -> str:
        """Return the artefact: JSON, the same text for the same numbers."""
        content = {
            "bias": self.bias,
            "weights": dict(zip(NAMES, self.weights, strict=True)),
            "topics": _plain(self.calibration.topics),
            "languages": _plain(self.calibration.languages),
        }
        return json.dumps(content, indent=1) + "\n"


def _plain(platts: Any) -> dict[str, dict[str, float]]:
    return {name: platt._asdict() for name, platt in sorted(platts.items())}


def read_model(artefact: str) -> Model:
    """Return the model of an artefact's text. Raises ValueError when it is none or was made for other features."""
    try:
        content = json.loads(artefact)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    bias, weights, topics, languages = _members(content, "the model", ("bias", "weights", "topics", "languages"))
    if tuple(_mapping(weights, "weights")) != NAMES:
        raise ValueError(f"the model was trained for other features: {', '.join(weights)}")
    return Model(
        bias=_number(bias, "bias"),
        weights=tuple(_number(weight, name) for name, weight in weights.items()),
        calibration=Calibration(topics=_platts(topics, "topics"), languages=_platts(languages, "languages")),
    )


def _platts(found: Any, where: str) -> dict[str, Platt]:
    return {name: _platt(platt, f"{where}.{name}") for name, platt in _mapping(found, where).items()}


def _platt(found: Any, where: str) -> Platt:
    slope, offset = _members(found, where, Platt._fields)
    return Platt(_number(slope, f"{where}.slope"), _number(offset, f"{where}.offset"))


def _members(found: Any, where: str, names: Sequence[str]) -> list[Any]:
    missing = [name for name in names if name not in _mapping(found, where)]
    if missing:
        raise ValueError(f"{where} has no {' and no '.join(missing)}")
    return [found[name] for name in names]


def _mapping(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004  (what a file says, not what a caller does)
    return found


def _number(found: Any, where: str) -> float:
    # not a number and infinity fail the comparison too; true is a number to Python alone
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= LARGEST:
        raise ValueError(f"{where} must be a number, at most {LARGEST:g} from 0")
    return float(found)


@cache
def shipped_model() -> Model:
    """Return the model that comes with the program."""
    return read_model(ARTEFACT.read_text(encoding="utf-8"))


def model_at(path: Path | None) -> Model:
    """Return the model that an operator has put at `path`, or the one that comes with the program when there is none.

    Raises ConfigError when the file cannot be read or holds no model for this program.
    """
    if path is None:
        return shipped_model()
    try:
        return read_model(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"no model for this program ({error}); `wirewatch train` writes one"
        raise ConfigError(Problem(file=path, message=message)) from error
