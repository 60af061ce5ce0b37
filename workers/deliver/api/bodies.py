"""Bodies of requests: bounded before they are parsed, hence read by hand; the contract is told of them here."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from workers.deliver.contract import Problem

#: Bytes of a body: a note of 2,000 letters of four bytes each, escaped in JSON, and room for the rest.
LARGEST_BODY = 32_768

UNREADABLE: dict[int | str, dict[str, Any]] = {
    413: {"model": Problem, "description": "The body is too large."},
    415: {"model": Problem, "description": "The body is not declared as application/json."},
}

Model = TypeVar("Model", bound=BaseModel)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the contract says of an address that takes this. A model in it stands where it is used."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    for one in schema["properties"].values():
        if name := one.pop("$ref", None):
            one.update(inner[name.rpartition("/")[2]])
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return the dependency that reads a request's body as this.

    It raises HTTPException with 415 for a body that is not declared as JSON, 413 for one that is too large, 400 for one
    that broke off; RequestValidationError for one that is something else.

    A page of another origin can make a browser send a form or plain text to a loopback address, but not JSON: for that
    the browser asks this server first, which never says yes. Once there are keys, one with the scope is needed.
    """

    async def read(request: Request) -> Model:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "the body must be application/json")
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_BODY:
                    raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes", {"connection": "close"})
        except ClientDisconnect as error:
            raise HTTPException(400, "the body broke off") from error  # for nobody; else this would be a bug of ours
        try:
            return model.model_validate_json(bytes(body))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            raise RequestValidationError([one | {"loc": ("body", *one["loc"])} for one in problems]) from error

    return read
