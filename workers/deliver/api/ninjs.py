"""One article as IPTC ninjs over HTTP."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy import Engine

from workers.deliver.api.refusals import NO_ARTICLE
from workers.deliver.contract import Problem, Shape
from workers.deliver.formats.ninjs import ninjs
from workers.store.reading import article_by_id, times_of


class Ninjs(Shape):
    """A ninjs object; http://www.iptc.org/std/ninjs/ninjs-schema_3.0.json has the rest."""

    uri: str = Field(description="`urn:uuid:` and the article's id.")


MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such article."}}


def ninjs_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the route, which must come before `/v1/articles/{article_id}`. `topics`: the packs in force, as JSON."""
    router = APIRouter(tags=["articles"])

    @router.get("/v1/articles/{article_id}.ninjs", response_model=Ninjs, responses=MISSING)
    def as_ninjs(article_id: UUID) -> JSONResponse:
        """Return one article with its text as IPTC ninjs 3.0, its topics mapped to IPTC Media Topics."""
        with engine.connect() as connection:
            found = article_by_id(connection, article_id)
            if found is None:
                raise HTTPException(404, NO_ARTICLE)
            version = article_id, found["version"]
            told_at = times_of(connection, [version])[version]
        return JSONResponse(ninjs(found, topics(), told_at))

    return router
