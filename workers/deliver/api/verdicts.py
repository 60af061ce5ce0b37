"""Verdicts over HTTP: the routes and their shapes."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Engine

from workers.deliver.api.bodies import UNREADABLE, body_of, described
from workers.deliver.api.refusals import NO_ARTICLE, refuse_unknown
from workers.deliver.contract import Problem, Shape
from workers.store.reading import article_by_id
from workers.store.verdicts import LONGEST_NAME, Verdict, is_name, verdicts_of, write_verdict

#: Verdicts of one article that are listed.
MOST = 500

Word = Literal["confirmed", "rejected"]
SAYS = "confirmed: the article is about the topic, flagged or not; rejected: it is not."


#: Format characters (Unicode's category Cf) that words need: joiners of Persian, Arabic and Indic letters, of emoji.
_JOINERS = "\u200c\u200d"


def _without_format_characters(text: str) -> str:
    """Return what a reader sees: direction marks and the like, which hide in pasted text, are left out."""
    return "".join(c for c in text if c in _JOINERS or unicodedata.category(c) != "Cf")


def _is_a_name(analyst: str) -> str:
    if not is_name(analyst):
        raise ValueError("a name has a letter or a digit")
    return analyst.strip()


class GivenVerdict(BaseModel):
    """What an analyst says of one topic of an article. Invisible format characters are left out of name and note."""

    model_config = ConfigDict(extra="forbid")

    topic: Annotated[str, StringConstraints(max_length=100, pattern="^[a-z0-9-]+$")]
    verdict: Word = Field(description=SAYS)
    analyst: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True,
            min_length=1,
            max_length=LONGEST_NAME,
            pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
        ),
        AfterValidator(_without_format_characters),
        AfterValidator(_is_a_name),
    ] = Field(description="Who says so. The newest verdict of each analyst counts.")
    note: Annotated[
        str,
        # no control characters but tabs and line breaks
        StringConstraints(max_length=2_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"),
        AfterValidator(_without_format_characters),
    ] = ""
    version: int | None = Field(
        None, strict=True, ge=1, le=2**31 - 1, description="Of the article that was read; default: the last."
    )


class FlagThen(Shape):
    """What the classifier said of the topic when the verdict was given."""

    probability: float
    flagged: bool
    pack_version: str
    model: str


class StoredVerdict(Shape):
    """A verdict as it is kept."""

    id: int
    article_id: UUID
    version: int = Field(description="Of the article that was judged.")
    topic: str
    verdict: Word = Field(description=SAYS)
    analyst: str
    at: datetime
    note: str
    flag: FlagThen | None = Field(description="null: there was no evidence for the topic.")


class Verdicts(Shape):
    """What was said of one article, in all its versions, newest first."""

    verdicts: list[StoredVerdict]


MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such article."}}


def verdict_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the routes of an article's verdicts. `topics` gives the packs in force, as JSON objects."""
    router = APIRouter(tags=["feedback"])

    @router.get("/v1/articles/{article_id}/verdicts", response_model=Verdicts, responses=MISSING)
    def verdicts(article_id: UUID) -> JSONResponse:
        """List what analysts said of one article, newest first."""
        with engine.connect() as connection:
            if article_by_id(connection, article_id) is None:
                raise HTTPException(404, NO_ARTICLE)
            return JSONResponse({"verdicts": verdicts_of(connection, article_id, limit=MOST)})

    @router.post(
        "/v1/articles/{article_id}/verdicts",
        status_code=201,
        response_model=StoredVerdict,
        responses=MISSING | UNREADABLE,
        openapi_extra=described(GivenVerdict),
    )
    def judge(article_id: UUID, given: Annotated[GivenVerdict, Depends(body_of(GivenVerdict))]) -> JSONResponse:
        """Keep what an analyst says of one topic of an article. Nothing is replaced: the newest word counts."""
        with engine.connect() as connection:
            refuse_unknown(connection, given.topic, topics(), "body")
        stored = write_verdict(
            engine,
            article_id,
            topic=given.topic,
            given=Verdict(given.verdict),
            analyst=given.analyst,
            note=given.note,
            version=given.version,
        )
        if stored is None:
            raise HTTPException(404, NO_ARTICLE if given.version is None else f"{NO_ARTICLE} and version")
        return JSONResponse(stored, 201)

    return router
