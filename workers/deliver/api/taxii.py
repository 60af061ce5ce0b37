"""A TAXII 2.1 server (OASIS Standard, 10 June 2021), to read from: flagged articles as STIX 2.1.

One collection of everything, and one for each topic.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy import Engine

from workers.deliver.collection import Page, Place, Wanted, place_after, read_page
from workers.deliver.formats.stix import Ledger, stix_time
from workers.store.flagged import ledger_since

TAXII, STIX = "application/taxii+json;version=2.1", "application/stix+json;version=2.1"

ABOUT = "What the world's press reports on the watched topics: a report for each flagged article"

#: The most objects in one answer.
MOST = 1_000

Limit = Annotated[int | None, Query(ge=1)]
Next = Annotated[str | None, Query(pattern=r"^\d{1,18}\.\d{1,2}$")]
Moment = Annotated[datetime | None, Query()]
Ids = Annotated[str | None, Query(alias="match[id]", max_length=20_000)]
Types = Annotated[str | None, Query(alias="match[type]", max_length=1_000)]
Versions = Annotated[str, Query(alias="match[version]", max_length=1_000)]
Formats = Annotated[str | None, Query(alias="match[spec_version]", max_length=100)]


class TaxiiRoute(APIRoute):
    """Answers a refusal in TAXII's own words, and only clients that take TAXII."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the usual handler inside ours."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            if not _takes_taxii(request.headers.get("accept", "*/*")):
                return _refusal(406, f"this server speaks {TAXII}")
            try:
                answer: Response = await handler(request)
            except RequestValidationError as error:
                return _refusal(400, "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()))
            except HTTPException as error:
                return _refusal(error.status_code, str(error.detail), error.headers)
            return answer

        return answered


def taxii_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the routes of the server. `topics` gives the packs in force."""
    routes = APIRouter(prefix="/taxii2", include_in_schema=False, route_class=TaxiiRoute)
    of_all, of_one = "/api/collections/{collection}/objects/", "/api/collections/{collection}/objects/{object_id}/"

    def read(
        collection: str,
        shape: Callable[[Page], dict[str, Any]],
        *,
        limit: int | None,
        behind: str | None,
        added_after: datetime | None,
        ids: str | None,
        types: str | None = None,
        versions: str = "all",
        formats: str | None = None,
    ) -> Response:
        with engine.begin() as connection:
            ledger = Ledger(*ledger_since(connection))
            starts = [Place(0, -1), *([_place(behind)] if behind else [])]
            if added_after is not None:
                starts.append(place_after(connection, _utc(added_after)))
            wanted = Wanted(
                topic=_named(collections_of(ledger, topics()), collection)["topic"],
                after=max(starts),
                limit=limit and min(limit, MOST),
                ids=_listed(ids),
                types=_listed(types),
                versions=frozenset(map(_version, _listed(versions))),
                with_times=shape is _manifest,
            )
            has_format = not formats or "2.1" in _listed(formats)
            return _envelope(read_page(connection, ledger, wanted) if has_format else Page([]), shape)

    @routes.get("/")
    def discovery(request: Request) -> Response:
        root = f"{request.base_url}taxii2/api/"
        return _answer({"title": "Wirewatch", "description": ABOUT, "default": root, "api_roots": [root]})

    @routes.get("/api/")
    def api_root() -> Response:
        facts = {"versions": [TAXII], "max_content_length": 1}  # of what is written, which is refused
        return _answer({"title": "Wirewatch", "description": ABOUT} | facts)

    @routes.get("/api/collections/")
    def collections() -> Response:
        with engine.begin() as connection:
            found = collections_of(Ledger(*ledger_since(connection)), topics())
        return _answer({"collections": [_shown(one) for one in found]})

    @routes.get("/api/collections/{collection}/")
    def one_collection(collection: str) -> Response:
        with engine.begin() as connection:
            found = collections_of(Ledger(*ledger_since(connection)), topics())
        return _answer(_shown(_named(found, collection)))

    @routes.get(of_all)
    def get_objects(
        collection: str, limit: Limit = None, next: Next = None, added_after: Moment = None, ids: Ids = None,  # noqa: A002
        types: Types = None, versions: Versions = "last", formats: Formats = None,
    ) -> Response:  # fmt: skip
        return read(
            collection, _objects, limit=limit, behind=next, added_after=added_after,
            ids=ids, types=types, versions=versions, formats=formats,
        )  # fmt: skip

    @routes.get("/api/collections/{collection}/manifest/")
    def get_manifest(
        collection: str, limit: Limit = None, next: Next = None, added_after: Moment = None, ids: Ids = None,  # noqa: A002
        types: Types = None, versions: Versions = "last", formats: Formats = None,
    ) -> Response:  # fmt: skip
        return read(
            collection, _manifest, limit=limit, behind=next, added_after=added_after,
            ids=ids, types=types, versions=versions, formats=formats,
        )  # fmt: skip

    @routes.get(of_one)
    def get_object(
        collection: str, object_id: str, limit: Limit = None, next: Next = None, added_after: Moment = None,  # noqa: A002
        versions: Versions = "last", formats: Formats = None,
    ) -> Response:  # fmt: skip
        return read(
            collection, _known(_objects), limit=limit, behind=next, added_after=added_after,
            ids=object_id, versions=versions, formats=formats,
        )  # fmt: skip

    @routes.get(f"{of_one}versions/")
    def get_versions(
        collection: str, object_id: str, limit: Limit = None, next: Next = None, added_after: Moment = None,  # noqa: A002
        formats: Formats = None,
    ) -> Response:  # fmt: skip
        return read(
            collection, _known(_modified), limit=limit, behind=next, added_after=added_after,
            ids=object_id, formats=formats,
        )  # fmt: skip

    @routes.post(of_all)
    @routes.delete(of_one)
    def refuse_writing() -> Response:
        return _refusal(403, "this collection can only be read")

    return routes


def collections_of(ledger: Ledger, packs: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the collections: of everything, and of each topic. TAXII wants ids that look like UUIDv4."""
    named = [(None, "All topics", ABOUT), *((one["id"], one["name"], one["description"]) for one in packs)]
    return [
        {
            "id": str(UUID(bytes=ledger.named(f"collection/{topic or ''}").bytes, version=4)),
            "title": title,
            "description": description,
            "alias": topic or "all",
            "can_read": True,
            "can_write": False,
            "media_types": [STIX],
            "topic": topic,
        }
        for topic, title, description in named
    ]


def _shown(collection: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in collection.items() if name != "topic"}


def _named(collections: Collection[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return a collection by its id or alias. Raises HTTPException 404."""
    for one in collections:
        if name in {one["id"], one["alias"]}:
            return one
    raise HTTPException(404, "there is no such collection")


def _objects(page: Page) -> dict[str, Any]:
    return {"objects": [item.object for item in page.items]}


def _manifest(page: Page) -> dict[str, Any]:
    return {
        "objects": [
            {
                "id": item.object["id"],
                "date_added": _time(page.added(item)),
                "version": item.object["modified"],
                "media_type": STIX,
            }
            for item in page.items
        ]
    }


def _modified(page: Page) -> dict[str, Any]:
    return {"versions": [item.object["modified"] for item in page.items]}


def _known(shape: Callable[[Page], dict[str, Any]]) -> Callable[[Page], dict[str, Any]]:
    """Return the shape of an answer that has something to tell. It raises HTTPException 404."""

    def shaped(page: Page) -> dict[str, Any]:
        if not page.items:
            raise HTTPException(404, "this collection has no such object, or nothing of it that matches")
        return shape(page)

    return shaped


def _envelope(page: Page, shape: Callable[[Page], dict[str, Any]]) -> Response:
    """Return a page as TAXII answers it: nothing in it that is empty, and the times of its first and last object."""
    more = {"more": True, "next": f"{page.next.seq}.{page.next.part}"} if page.next else {"more": False}
    content = {name: value for name, value in shape(page).items() if value}
    ends = {"First": page.items[0], "Last": page.items[-1]} if page.items else {}
    headers = {f"X-TAXII-Date-Added-{name}": _time(page.added(item)) for name, item in ends.items()}
    return _answer(content | (more if content or page.next else {}), headers)


def _answer(content: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(content, media_type=TAXII, headers=dict(headers or {}))


def _refusal(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(
        {"title": title, "http_status": str(status)}, status, headers=dict(headers or {}), media_type=TAXII
    )


def _takes_taxii(accept: str) -> bool:
    """Return whether an Accept header takes what we answer; browsers and curl take anything."""
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        versions = [value for value in parameters if value.startswith("version=")]
        if kind in {"*/*", "application/*"} or (kind == "application/taxii+json" and versions in ([], ["version=2.1"])):
            return True
    return False


def _listed(value: str | None) -> frozenset[str]:
    return frozenset(part.strip() for part in (value or "").split(",") if part.strip())


def _version(word: str) -> str:
    """Return a version as `Wanted` knows it. Raises HTTPException 400 for what is neither a word nor a time."""
    if word in {"all", "first", "last"}:
        return word
    try:
        return stix_time(_utc(datetime.fromisoformat(word)))
    except ValueError:
        raise HTTPException(400, f"match[version]: {word!r} is not all, first, last or a time") from None


def _place(value: str) -> Place:
    seq, _, part = value.partition(".")
    return Place(int(seq), int(part))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time(moment: datetime) -> str:
    """Return a time as TAXII writes it: UTC, with six digits of a second."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
