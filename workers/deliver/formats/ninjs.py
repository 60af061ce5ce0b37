"""An article as IPTC ninjs 3.0 (https://iptc.org/standards/ninjs/), for newsroom systems. Pure.

Topics become subjects twice: as the pack's id, and as the IPTC Media Topics that the pack says come near it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workers.deliver.formats.addresses import article_uri, uri
from workers.domain.organisations import ORGANISATIONS

#: https://cv.iptc.org/newscodes/mediatopic/: packs write `medtop:20000598` for the concept of this address and number.
MEDIA_TOPICS = "http://cv.iptc.org/newscodes/mediatopic/"

STANDARD = {"name": "ninjs", "version": "3.0", "schema": "http://www.iptc.org/std/ninjs/ninjs-schema_3.0.json"}


def ninjs(article: Mapping[str, Any], topics: Iterable[Mapping[str, Any]], told_at: datetime) -> dict[str, Any]:
    """Return an article with its text as a ninjs object.

    `topics`: the packs in force, as JSON objects; `told_at`: when this version of it was told to readers.
    """
    text = article["text"]
    made = {
        "uri": article_uri(article["id"]),
        "standard": STANDARD,
        "type": "text",
        "representationType": "partial" if _is_partial(article) else "full",
        "version": str(article["version"]),
        "firstCreated": article["discovered"],
        "versionCreated": told_at.isoformat().replace("+00:00", "Z"),
        "contentCreated": article["published"],
        "pubStatus": "usable",
        "language": article["language"],
        "title": article["title"],
        "headlines": [{"role": "main", "contentType": "text/plain", "value": article["title"]}],
        "bodies": [{"role": "main", "contentType": "text/plain", "charCount": len(text), "value": text}],
        "by": ", ".join(article["authors"]),
        "located": (article.get("dateline") or {}).get("place"),
        "altIds": _addresses(article),
        "infoSources": _sources(article),
        "subjects": _subjects(article["flags"], {one["id"]: one for one in topics}, article["model"]),
        "places": [{"literal": one["code"]} for one in article.get("countries", [])],
        "organisations": [_organisation(one["id"]) for one in article.get("organisations", [])],
        "renditions": _renditions(article),
        "associations": _associations(article),
    }
    return {name: value for name, value in made.items() if value not in (None, "", [])}


def _is_partial(article: Mapping[str, Any]) -> bool:
    return bool(article["quality"] != "full" or article.get("is_paywalled"))


def _addresses(article: Mapping[str, Any]) -> list[dict[str, str]]:
    named = {"url": article["url"], "canonical-url": article["canonical_url"]}
    return [{"role": role, "value": value} for role, value in named.items() if value]


def _sources(article: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return who brought it: the outlet, who owns it, and the agency whose copy it is."""
    outlet = article["source"]
    parties = [
        {"role": "publisher", "name": outlet["name"], "literal": outlet["id"]},
        {"role": "owner", "name": outlet["owner"]},
        {"role": "agency", "name": article.get("wire_credit") or (article.get("dateline") or {}).get("agency")},
    ]
    return [one for one in parties if one["name"]]


def _subjects(
    flags: Iterable[Mapping[str, Any]], packs: Mapping[str, Mapping[str, Any]], model: str
) -> list[dict[str, Any]]:
    """Return the flagged topics and their Media Topics, each once, the surest first."""
    made: dict[str, dict[str, Any]] = {}
    for flag in sorted(flags, key=lambda one: (-one["probability"], one["topic"])):
        if not flag["flagged"]:
            continue
        pack = packs.get(flag["topic"], {})
        sure = {"creator": flag.get("model") or model, "confidence": round(flag["probability"] * 100)}
        name = pack.get("name", flag["topic"])
        made.setdefault(flag["topic"], {"name": name, "literal": flag["topic"], "rel": "about", **sure})
        for code in pack.get("iptc", []):
            concept = MEDIA_TOPICS + code.removeprefix("medtop:")
            made.setdefault(code, {"literal": code, "uri": concept, "rel": "about", **sure})
    return list(made.values())


def _organisation(one: str) -> dict[str, str]:
    return {"name": ORGANISATIONS.get(one, one), "literal": one, "rel": "mentioned"}


def _renditions(article: Mapping[str, Any]) -> list[dict[str, str]]:
    image = uri(article.get("image"))
    return [{"name": "main", "href": image}] if image else []


def _associations(article: Mapping[str, Any]) -> list[dict[str, str]]:
    first = article["duplicate_of"]
    return [{"name": "the first with this text", "rel": "duplicateOf", "uri": article_uri(first)}] if first else []
