import dataclasses
import json
from pathlib import Path

import pytest

from workers.classify.matching.score import Span
from workers.classify.probability.calibration import Calibration, Platt
from workers.classify.probability.features import EVIDENCE, NAMES, Reading, Weighed
from workers.classify.probability.model import ARTEFACT, Model, model_at, read_model, shipped_model
from workers.domain.errors import ConfigError

MODEL = Model(-1.0, (0.5,) * len(NAMES), Calibration({"t": Platt(0.25, 0.5)}, {"fa": Platt(-0.1, 0.0)}))
READING = Reading("fa", True, 1000, dict.fromkeys(("t", "u"), Weighed((Span("text", 0, 3, 3.0, 1),), (1.0,), 3.0)))


def test_an_artefact_is_read_back_as_it_was() -> None:
    assert read_model(MODEL.as_json()) == MODEL


def test_another_number_is_another_version() -> None:
    assert MODEL.version == read_model(MODEL.as_json()).version
    assert dataclasses.replace(MODEL, bias=-1.5).version != MODEL.version


def test_a_model_of_other_features_is_refused() -> None:
    content = json.loads(MODEL.as_json())
    content["weights"]["phase of the moon"] = 1.0
    with pytest.raises(ValueError, match="phase of the moon"):
        read_model(json.dumps(content))


@pytest.mark.parametrize("artefact", ["", "{", "[]", "{}", '{"weights": 3}', "null"])
def test_what_is_no_model_is_refused(artefact: str) -> None:
    with pytest.raises(ValueError):
        read_model(artefact)


@pytest.mark.parametrize("part", ["bias", "topics", "languages", "weights"])
def test_a_model_without_a_part_or_with_words_for_numbers_is_refused(part: str) -> None:
    content = json.loads(MODEL.as_json())
    for broken in ({**content, part: "x"}, {name: one for name, one in content.items() if name != part}):
        with pytest.raises(ValueError):
            read_model(json.dumps(broken))


def _broken(part: str, value: str) -> str:
    """Return the artefact with other JSON in place of a part, "topics.t.slope" for one inside another."""
    content = json.loads(MODEL.as_json())
    *path, last = part.split(".")
    inner = content
    for step in path:
        inner = inner[step]
    inner[last] = "@@"
    return json.dumps(content).replace('"@@"', value)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (part, value)
        for part in ("bias", "weights.rules", "topics.t.slope", "topics.t.offset", "languages.fa.slope")
        for value in ('"1.0"', "null", "true", "[1]", "NaN", "Infinity", "-Infinity", "1e999", "1e7", "1" + "0" * 400)
    ]
    + [("topics", "[]"), ("topics", "null"), ("topics.t", "[1, 2]"), ("topics.t", '{"slope": 1}'), ("weights", "[]")]
    + [("bias", "1" + "0" * 5_000), ("bias", "[" * 100_000 + "]" * 100_000)],
    ids=lambda given: given[:20],
)
def test_an_operators_model_with_what_is_no_number_is_refused_with_its_file(
    tmp_path: Path, part: str, value: str
) -> None:
    own = tmp_path / "model.json"
    own.write_text(_broken(part, value), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"model\.json: no model for this program"):
        model_at(own)


@pytest.mark.parametrize("value", ["0", "-3", "999999.5", "1e6"])
def test_any_finite_number_of_a_sane_size_is_taken(value: str) -> None:
    assert read_model(_broken("topics.t.slope", value)).calibration.topics["t"].slope == float(value)


def test_an_operators_model_is_read_where_it_is_and_the_shipped_one_without(tmp_path: Path) -> None:
    own = tmp_path / "model.json"
    own.write_text(MODEL.as_json(), encoding="utf-8")
    assert model_at(own) == MODEL
    assert model_at(None) == shipped_model()


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"])
def test_an_operators_model_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    own = tmp_path / "model.json"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(ConfigError, match=r"model\.json.*wirewatch train"):
        model_at(own)


def test_a_topic_that_nobody_labelled_is_judged_by_what_was_learned_from_the_others() -> None:
    plain = dataclasses.replace(MODEL, calibration=Calibration({}, MODEL.calibration.languages))
    assert MODEL.probability(READING, "u") == plain.probability(READING, "t")
    assert MODEL.probability(READING, "t") != plain.probability(READING, "t")


def test_the_shipped_artefact_is_small_and_written_as_training_writes_it() -> None:
    text = ARTEFACT.read_text(encoding="utf-8")
    assert shipped_model().as_json() == text
    assert len(text) < 100_000


def test_more_evidence_is_never_less_probable_with_the_shipped_model() -> None:
    model = shipped_model()
    assert all(weight >= 0 for weight in model.weights[: len(EVIDENCE)])
    for language in model.calibration.languages.values():
        assert all(1 + topic.slope + language.slope > 0 for topic in model.calibration.topics.values())
