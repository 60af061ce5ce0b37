"""Articles over HTTP: lists of the newest with filters and search, one of them, and what was ever told of it."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from sqlalchemy import Engine

from workers.deliver.api.answers import tagged
from workers.deliver.api.examples import ARTICLES, FULL_ARTICLE, VERSIONS, shown
from workers.deliver.api.parameters import MOST, Country, Language, LeastProbability, Search, Source, Topic
from workers.deliver.api.refusals import NO_ARTICLE, refuse_unknown
from workers.deliver.contract import Articles, FullArticle, Problem, Versions
from workers.store.reading import article_by_id, list_articles, versions_of

#: Changes of one article that are listed: it is looked at again a few times, and classified anew now and then.
MOST_VERSIONS = 100

MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such article."}}
KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "As when this `ETag` was given out."}}


def article_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the routes of articles. `topics` gives the packs in force, as JSON objects."""
    router = APIRouter(tags=["articles"])

    @router.get("/v1/articles", response_model=Articles, responses=KNOWN | shown(ARTICLES))
    def articles(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        before: Annotated[UUID | None, Query(description="`next_before` of the page before.")] = None,
        q: Search = None,
        topic: Topic = None,
        language: Language = None,
        source: Source = None,
        country: Country = None,
        min_probability: LeastProbability = None,
    ) -> Response:
        """List classified articles, newest discovery first."""
        with engine.connect() as connection:
            refuse_unknown(connection, topic, topics())
            rows = list_articles(
                connection,
                limit=limit,
                before=before,
                search=q,
                topic=topic,
                language=language,
                source=source,
                country=country,
                min_probability=min_probability,
            )
        return tagged(request, {"articles": rows, "next_before": rows[-1]["id"] if len(rows) == limit else None})

    @router.get(
        "/v1/articles/{article_id}", response_model=FullArticle, responses=KNOWN | MISSING | shown(FULL_ARTICLE)
    )
    def article(request: Request, article_id: UUID) -> Response:
        """Return one article with its text, its flags and their evidence."""
        with engine.connect() as connection:
            found = article_by_id(connection, article_id)
        if found is None:
            raise HTTPException(404, NO_ARTICLE)
        return tagged(request, found)

    @router.get(
        "/v1/articles/{article_id}/versions",
        response_model=Versions,
        responses=KNOWN | MISSING | shown(VERSIONS),
    )
    def versions(request: Request, article_id: UUID) -> Response:
        """Return every change of one article, the newest first, each with the article and its text as it was then."""
        with engine.connect() as connection:
            found = versions_of(connection, article_id, MOST_VERSIONS)
        if not found:
            raise HTTPException(404, NO_ARTICLE)
        return tagged(request, {"versions": found})

    return router
