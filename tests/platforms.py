"""What security platforms read, for tests: a ledger, articles as changes tell them, and STIX's own validator."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stix2validator

from workers.deliver.formats.stix import Ledger, Object, Told, bundle_text

BIRTH = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
LEDGER = Ledger(UUID("6e0d1f8a-1d5c-4a2f-9b57-2f1f0c9d7a10"), BIRTH)


def make_mark(topic: str = "sanctions", probability: float = 0.914, **facts: Any) -> dict[str, Any]:
    """Return a flag as a change tells it."""
    sentence = {"field": "text", "start": 0, "end": 18, "text": "Border guards met."}
    given = {"topic": topic, "probability": probability, "flagged": probability >= 0.5, "sentence": sentence}
    return given | {"evidence": [], "pack_version": "1", "model": "test 1"} | facts


def make_told(*marks: dict[str, Any], countries: Sequence[str] = ("IR", "IQ"), **facts: Any) -> Told:
    """Return an article as a change tells it: one that was told once, unless `times` are given."""
    times = facts.pop("times", [BIRTH + timedelta(days=1)])
    is_withdrawn = facts.pop("is_withdrawn", False)
    source = {
        "id": "khabar", "name": "Khabar", "language": "fa", "country": "IR", "owner": "The state", "state_owned": True
    }  # fmt: skip
    article = {
        "id": "01a20000-0000-7000-8000-00000000002a",
        "version": len(times),
        "url": "https://khabar.example/مرز?a=1&b=x y",
        "title": "گفت‌وگو · Überblick",
        "language": "fa",
        "published": "2026-01-03T00:00:00Z",
        "discovered": "2026-01-03T00:01:00.123456Z",
        "source": source | facts.pop("source", {}),
        "flags": list(marks or [make_mark()]),
        "countries": [{"code": one, "share": 0.5, "count": 1, "spans": []} for one in countries],
    }
    return Told(article | facts, times, is_withdrawn)


def bundle(objects: Sequence[Object]) -> dict[str, Any]:
    """Return a bundle of these objects as a reader has it."""
    made: dict[str, Any] = json.loads("".join(bundle_text(LEDGER, objects)))
    return made


def stix_problems(bundle: dict[str, Any]) -> list[str]:
    """Return what the validator of STIX 2.1 has to say of a bundle: errors, and warnings of its strictest mode.

    Two recommendations are left out. 103: ids are UUIDv4, by chance; ours are made of names, so that they stay. 302:
    who cites a web page gives its hash; an outlet's page has another at every request.
    """
    options = stix2validator.ValidationOptions(version="2.1", strict=True, disabled="103,302")
    result = stix2validator.validate_instance(bundle, options)
    return [str(one) for one in (*result.errors, *result.warnings)]
