"""Subscriptions over HTTP, thin over what `wirewatch webhooks` does. A secret is answered once, when it is made."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Engine

from workers.deliver.api.bodies import UNREADABLE, body_of, described
from workers.deliver.api.gate import for_scope
from workers.deliver.api.refusals import refuse_unknown
from workers.deliver.contract import Problem, Shape
from workers.deliver.webhooks.address import why_unusable
from workers.deliver.webhooks.signing import SECRET_BYTES, secret_of
from workers.store import webhooks as store
from workers.store.flagged import outlets
from workers.store.keys import Scope

NO_WEBHOOK = "no webhook has this id"
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such webhook."}}

Id = Annotated[int, Path(ge=1, le=2**62)]
Name = Annotated[str, StringConstraints(max_length=100, pattern="^[a-z0-9-]+$")]


def _usable(url: str) -> str:
    if why := why_unusable(url):
        raise ValueError(why)
    return url


class Filters(BaseModel):
    """What of the log is asked for, as of `/v1/changes`."""

    model_config = ConfigDict(extra="forbid")

    topic: Name | None = None
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")] | None = None
    source: Name | None = None
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None
    min_probability: float | None = Field(None, ge=0, le=1)


class GivenWebhook(BaseModel):
    """Who is to be sent which changes, from now on."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_usable)] = Field(
        description="http or https, without a password; an inner address wants WIREWATCH_ALLOW_ADDRESSES."
    )
    filters: Filters = Filters()
    with_text: bool = Field(False, description="Send the text of the article too.")


class FromWhere(BaseModel):
    """From where on changes are sent again: one of the two."""

    model_config = ConfigDict(extra="forbid")

    from_seq: int | None = Field(None, strict=True, ge=1, le=2**62)
    from_time: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "FromWhere":
        if (self.from_seq is None) == (self.from_time is None):
            raise ValueError("say from where: from_seq or from_time")
        return self


class Subscription(Shape):
    """A subscription, without its secret."""

    id: int
    url: str
    filters: dict[str, Any]
    with_text: bool
    state: Literal["active", "paused", "off"] = Field(description="paused: by an operator; off: it failed for 5 days.")
    cursor: int = Field(description="The last seq that is done with.")
    behind: int = Field(description="Numbers of the log that are not.")
    dead: int = Field(description="Its dead letters.")
    created_at: datetime
    failing_since: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str


class Subscriptions(Shape):
    """All subscriptions."""

    webhooks: list[Subscription]


class NewSubscription(Shape):
    """A subscription that was just made."""

    id: int
    secret: str = Field(description="Signs every message (Standard Webhooks). Shown this once.")


class DeadLetter(Shape):
    """A change that the receiver did not take."""

    seq: int
    event_id: Any = Field(description="The event's id.")
    reason: str
    at: datetime


class DeadLetters(Shape):
    """The newest first; 500 at most."""

    dead_letters: list[DeadLetter]


class Replay(Shape):
    """What is sent again."""

    after: int = Field(description="Everything with a higher number.")


def webhook_routes(engine: Engine, topics: Callable[[], list[dict[str, Any]]]) -> APIRouter:
    """Return the routes of subscriptions. `topics` gives the packs in force, as JSON objects."""
    router = APIRouter(tags=["webhooks"])

    @router.get("/v1/webhooks", response_model=Subscriptions)
    @for_scope(Scope.REPLAY)
    def webhooks() -> dict[str, Any]:
        """List the subscriptions, and how far behind each is. Needs the scope `replay`."""
        return {"webhooks": store.webhooks(engine)}

    @router.post(
        "/v1/webhooks",
        status_code=201,
        response_model=NewSubscription,
        responses=UNREADABLE,
        openapi_extra=described(GivenWebhook),
    )
    def add(given: Annotated[GivenWebhook, Depends(body_of(GivenWebhook))]) -> dict[str, Any]:
        """Subscribe an address to every change from now on, or to some. Needs the scope `admin`."""
        with engine.connect() as connection:
            refuse_unknown(connection, given.filters.topic, topics(), "body")
            known = {one["id"] for one in outlets(connection)}
        if given.filters.source is not None and given.filters.source not in known:
            problem = {"type": "unknown_source", "loc": ("body", "filters", "source"), "msg": "no source has this id"}
            raise RequestValidationError([problem])
        secret = secret_of(secrets.token_bytes(SECRET_BYTES))
        filters = given.filters.model_dump(exclude_none=True)
        one = store.add_webhook(engine, given.url, filters=filters, with_text=given.with_text, secret=secret)
        return {"id": one, "secret": secret}

    @router.delete("/v1/webhooks/{webhook_id}", status_code=204, responses=MISSING)
    def remove(webhook_id: Id) -> Response:
        """Forget a subscription and its dead letters. Needs the scope `admin`."""
        _found(store.remove(engine, webhook_id))
        return Response(status_code=204)

    @router.post(
        "/v1/webhooks/{webhook_id}/replay",
        response_model=Replay,
        responses=MISSING | UNREADABLE,
        openapi_extra=described(FromWhere),
    )
    @for_scope(Scope.REPLAY)
    def replay(webhook_id: Id, given: Annotated[FromWhere, Depends(body_of(FromWhere))]) -> dict[str, int]:
        """Send again, in order, what was written from a number or a time on. Needs the scope `replay`."""
        after = store.seq_before(engine, given.from_time) if given.from_time else (given.from_seq or 1) - 1
        _found(store.replay(engine, webhook_id, after))
        return {"after": after}

    @router.get("/v1/webhooks/{webhook_id}/dead-letters", response_model=DeadLetters, responses=MISSING)
    @for_scope(Scope.REPLAY)
    def dead_letters(webhook_id: Id) -> dict[str, Any]:
        """List what the receiver could not take; a replay sends it again. Needs the scope `replay`."""
        _found(bool(store.webhooks(engine, webhook_id)))
        return {"dead_letters": store.dead_letters(engine, webhook_id, MOST)}

    return router


#: Dead letters that are listed.
MOST = 500


def _found(is_there: bool) -> None:
    if not is_there:
        raise HTTPException(404, NO_WEBHOOK)
