"""Refusals in the words of RFC 9457 (Problem Details for HTTP APIs): one shape, whatever went wrong."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from psycopg.errors import QueryCanceled
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError  # noqa: A004  (no connection is free)
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from workers.deliver.api.examples import PROBLEM
from workers.deliver.contract import Problem
from workers.store.outage import is_away

MEDIA_TYPE = "application/problem+json"

#: Seconds after which to ask a store again that did not answer.
AGAIN_S = 5

AWAY = "the store does not answer; try again"
TOO_LONG = "this takes too long to look up: ask for less at a time, or with fewer filters; a busy store may do it later"

#: What any address may answer; an address names its others beside them.
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No key, or none that is in force."},
    403: {"model": Problem, "description": "The key is not for this."},
    422: {"model": Problem, "description": "A parameter that does not exist, or a value that it cannot have."},
    429: {"model": Problem, "description": "Too many requests, or too many at once: `Retry-After` says when to go on."},
    503: {"model": Problem, "description": "The store does not answer, or not in time."},
}


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, errors: list[dict[str, str]] | None = None
) -> JSONResponse:
    """Return a refusal. Its type is always `about:blank`: the status says what it is, the detail why."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        told["errors"] = errors
    return JSONResponse(told, status, headers, MEDIA_TYPE)


def tell_problems(api: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Make the application, which has these routes, refuse in this shape, and say so in its contract."""

    @api.exception_handler(DBAPIError)
    @api.exception_handler(TimeoutError)
    def unavailable(_request: Request, error: Exception) -> JSONResponse:
        if not (isinstance(error, OperationalError) or is_away(error)):  # a store that takes no writes is away too
            raise error
        is_late = isinstance(getattr(error, "orig", None), QueryCanceled)
        return problem(503, TOO_LONG if is_late else AWAY, {"retry-after": str(AGAIN_S)})

    @api.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(methods_of(request, routes))
        return problem(error.status_code, str(error.detail), headers)

    @api.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = [field_error(one) for one in error.errors()]
        told = "; ".join(f"{one['name']}: {one['detail']}" for one in found)
        return problem(422, told, errors=found)

    @api.exception_handler(Exception)
    def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        return problem(500, "this is a bug of ours; the log has the details")

    api.openapi = lambda: contract_of(api)  # type: ignore[method-assign]


def methods_of(request: Request, routes: Sequence[BaseRoute]) -> list[str]:
    """Return the methods of every route that a request's path has: the one that refused knows its own alone."""
    matching = (one for one in routes if one.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for one in matching for method in getattr(one, "methods", None) or ()})


def field_error(error: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with one parameter or field: where it stands, its name, a sentence."""
    where, *way = error["loc"]
    return {"in": str(where), "name": ".".join(map(str, way)) or str(where), "detail": error["msg"]}


def contract_of(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI contract, in which problems have their own media type and shape. Made once."""
    if api.openapi_schema is None:
        made = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes)
        for path in made["paths"].values():
            for operation in path.values():
                for status, answer in operation["responses"].items():
                    if status >= "4" and "content" in answer:
                        _move_problem(status, answer["content"])
        made["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "A key of `wirewatch keys create`."}
        }
        made["security"] = [{"key": []}, {}]
        api.openapi_schema = made
    return api.openapi_schema


def _move_problem(status: str, content: dict[str, Any]) -> None:
    """Move the shape of problems from JSON's media type, where FastAPI puts every model, to their own."""
    shape = content.get("application/json", {}).get("schema", {})
    if shape.get("$ref", "").endswith("/Problem"):
        content[MEDIA_TYPE] = content.pop("application/json")
        if status == "422":
            content[MEDIA_TYPE]["example"] = PROBLEM
