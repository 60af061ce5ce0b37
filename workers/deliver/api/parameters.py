"""What readers may ask with, wherever it is asked: one spelling, one description."""

from typing import Annotated

from fastapi import Query

#: The most changes or articles on a page.
MOST = 500

#: Identifiers of topics and sources, as the configuration allows them.
_ID = {"max_length": 100, "pattern": "^[a-z0-9-]+$"}

Topic = Annotated[
    str | None,
    Query(description="What is flagged with it.", openapi_examples={"one": {"value": "sanctions"}}, **_ID),
]
Source = Annotated[str | None, Query(description="As /v1/sources has it.", **_ID)]
Language = Annotated[str | None, Query(pattern="^[a-z]{2,3}$", description="ISO 639-1; `und` when none is sure.")]
Country = Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, of the source's seat.")]
LeastProbability = Annotated[
    float | None,
    Query(ge=0, le=1, description="Only what is flagged at least so surely, with `topic` or with any."),
]
Search = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        pattern="^[^\\x00]*$",
        description='Words of title and text that must all be there; `"a phrase"`, `or`, `-without`.',
        openapi_examples={"words": {"value": '"border guards" -football'}},
    ),
]
