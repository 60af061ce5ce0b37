"""STIX 2.1 objects of flagged articles (OASIS Standard, 10 June 2021). Pure.

Ids are the same at every export. The report's is the article's id with the version digit 4 instead of 7, for STIX knows
the versions up to 5 only: so an article is found by the id of its report, and the other way round. All other ids are
UUIDv5 of a name in the namespace of the ledger's own id (STIX 2.1, section 2.9, allows any namespace but its own).

An outlet or country never changes: other facts make another id. So whatever names it may say it again, byte for byte.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from babel import Locale

from workers.deliver.formats.addresses import uri

#: The label of an article that was flagged and is not any more.
UNFLAGGED = "unflagged"

#: STIX counts the time of a version in milliseconds (section 3.2, `created` and `modified`).
MILLISECOND = timedelta(milliseconds=1)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who tells: the ledger's random id, and since when it is there."""

    id: UUID
    since: datetime

    def named(self, name: str) -> UUID:
        """Return the UUIDv5 of a name in this ledger's namespace."""
        return uuid5(self.id, name)


@dataclass(frozen=True, slots=True)
class Told:
    """An article as one change tells it. `times`: of its first change that concerned a flag, up to this one."""

    article: Mapping[str, Any]
    times: Sequence[datetime]
    is_withdrawn: bool = False

    @property
    def flagged(self) -> list[Mapping[str, Any]]:
        """Its flags that reached their threshold, the most probable first."""
        found = [mark for mark in self.article["flags"] if mark["flagged"]]
        return sorted(found, key=lambda mark: (-mark["probability"], mark["topic"]))


def stix_objects(ledger: Ledger, told: Told) -> list[Object]:
    """Return the objects that tell of one version of an article: first what it refers to, the report last.

    At most 34 for the 30 countries that a change names: Wirewatch, the outlet, its seat, the link of both, the report.
    """
    outlet = _outlet(ledger, told.article["source"])
    countries = [location(ledger, one["code"]) for one in told.article.get("countries", [])]
    report = _report(ledger, told, [one["id"] for one in (outlet[0], *countries)])
    return [producer(ledger), *outlet, *(one for one in countries if one not in outlet), report]


def fixed_objects(ledger: Ledger, sources: Sequence[Mapping[str, Any]]) -> list[Object]:
    """Return everything that a report may refer to: Wirewatch, these outlets, and every country."""
    outlets = [one for source in sources for one in _outlet(ledger, source)]
    made = [producer(ledger), *outlets, *(location(ledger, code) for code in _countries())]
    return list({one["id"]: one for one in made}.values())


def bundle_text(ledger: Ledger, objects: Iterable[Object]) -> Iterator[str]:
    """Give the text of a bundle of these objects, each once, piece by piece: there may be any number.

    Its id is made of theirs and their versions, and so comes last.
    """
    seen, digest, comma = set(), hashlib.sha256(), ""
    yield '{"type":"bundle","objects":['
    for one in objects:
        version = f"{one['id']} {one['modified']}"
        if one["type"] == "report" or version not in seen:
            digest.update(version.encode())
            yield comma + "\n" + json.dumps(one, ensure_ascii=False, separators=(",", ":"))
            comma = ","
        if one["type"] != "report":
            seen.add(version)
    yield f'\n],"id":"bundle--{ledger.named(f"bundle/{digest.hexdigest()}")}"}}\n'


def report_id(article_id: UUID) -> str:
    """Return the id of an article's report."""
    return f"report--{public_uuid(article_id)}"


def public_uuid(article_id: UUID) -> UUID:
    """Return an article's id in the form that STIX and MISP accept: its version digit 7 (RFC 9562) becomes 4."""
    return UUID(bytes=article_id.bytes, version=4)


def article_uuid(public: UUID) -> UUID:
    """Return the article's id again."""
    number = public.int & ~(0xF << 76) | (0x7 << 76)
    return UUID(int=number)


def producer(ledger: Ledger) -> Object:
    """Return the identity that creates everything here: this ledger's Wirewatch."""
    return _fixed(ledger, "identity", "wirewatch", name="Wirewatch", identity_class="system") | {
        "description": "Watches the world's press for a set of topics; says what outlets write and vouches for none."
    }


def location(ledger: Ledger, code: str) -> Object:
    """Return a country, by its ISO 3166-1 alpha-2 code and its English name in CLDR."""
    return _fixed(ledger, "location", code, name=_countries().get(code, code), country=code) | _by(ledger)


#: Two letters of CLDR's that are no country: unions, and what stands for the unknown and for tests.
NO_COUNTRY = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


@cache
def _countries() -> dict[str, str]:
    named = ((str(code), str(name)) for code, name in Locale("en").territories.items())
    return {code: name for code, name in named if re.fullmatch("[A-Z]{2}", code) and code not in NO_COUNTRY}


def increasing(times: Sequence[datetime], step: timedelta) -> list[datetime]:
    """Return the times of an object's versions in whole `step`s, each later than the one before.

    Two changes of one article may carry the same time, or the clock may have been set back between them; a reader
    takes up a version only if it is later than the one it has.
    """
    made: list[datetime] = []
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for one in times:
        whole = epoch + (one - epoch) // step * step
        made.append(max(whole, made[-1] + step) if made else whole)
    return made


def stix_time(moment: datetime) -> str:
    """Return a time as STIX writes it: UTC, with three digits of a second."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _outlet(ledger: Ledger, source: Mapping[str, Any]) -> list[Object]:
    """Return an outlet, its seat, and that it is there. (The vocabulary of sectors has no media: section 10.9.)"""
    owned = "state-owned" if source["state_owned"] else "not state-owned"
    facts = "\n".join([source["id"], source["name"], source["owner"], source["country"], owned])
    outlet = _fixed(ledger, "identity", facts, name=source["name"] or source["id"], identity_class="organization")
    outlet |= {
        "description": f"News outlet, seat {source['country']}, {owned}, owner: {source['owner']}",
        "sectors": ["communications"],
    }
    seat = location(ledger, source["country"])
    link = _fixed(ledger, "relationship", facts, relationship_type="located-at")
    link |= {"source_ref": outlet["id"], "target_ref": seat["id"]}
    return [outlet | _by(ledger), seat, link | _by(ledger)]


def _report(ledger: Ledger, told: Told, refers_to: Sequence[str]) -> Object:
    article, flagged = told.article, told.flagged
    versions = increasing(told.times, MILLISECOND)
    language = article["language"]
    probability = max((mark["probability"] for mark in flagged or article["flags"]), default=0)
    return {
        "type": "report",
        "spec_version": "2.1",
        "id": report_id(UUID(article["id"])),
        **_by(ledger),
        "created": stix_time(versions[0]),
        "modified": stix_time(versions[-1]),
        **({"revoked": True} if told.is_withdrawn else {}),
        "name": title_of(article),
        "description": "\n".join(map(_reason, flagged)) or "No topic is flagged any more.",
        "published": _published(article),
        "object_refs": list(dict.fromkeys(refers_to)),
        "labels": [mark["topic"] for mark in flagged] or [UNFLAGGED],
        "confidence": round(100 * probability),
        **({"lang": language} if language != "und" else {}),
        "external_references": [
            {"source_name": article["source"]["name"] or article["source"]["id"], "url": address_of(article)},
            {"source_name": "wirewatch", "external_id": article["id"]},
        ],
    }


def title_of(article: Mapping[str, Any]) -> str:
    """Return what an article is called, for formats that want a name: without a title, its address."""
    return str(article["title"]) if article["title"].strip() else address_of(article)


def address_of(article: Mapping[str, Any]) -> str:
    """Return an article's address as a URI; the store holds http addresses only."""
    return uri(article["url"]) or str(article["url"])


def _reason(mark: Mapping[str, Any]) -> str:
    said = f"{mark['topic']} ({mark['probability']:.2f})"
    return f"{said}: {mark['sentence']['text']}" if mark.get("sentence") else said


def _published(article: Mapping[str, Any]) -> str:
    return stix_time(datetime.fromisoformat(article["published"] or article["discovered"]))


def _fixed(ledger: Ledger, kind: str, name: str, /, **facts: Any) -> Object:
    """Return an object that never changes, as old as the ledger."""
    born = stix_time(ledger.since)
    made = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{ledger.named(f'{kind}/{name}')}"}
    return made | {"created": born, "modified": born} | facts


def _by(ledger: Ledger) -> Object:
    return {"created_by_ref": f"identity--{ledger.named('identity/wirewatch')}"}
