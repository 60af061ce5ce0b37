"""What the API refuses alike wherever it is asked."""

from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Connection

from workers.store.reading import was_flagged

NO_ARTICLE = "no classified article has this id"


def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the address does not have: `topics=` must not read as everything.

    Raises RequestValidationError.
    """
    known = query_names(request.scope["route"].dependant)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        problem = f"no such parameter; there are {', '.join(sorted(known)) or 'none'}"
        raise RequestValidationError(
            [{"type": "unknown_parameter", "loc": ("query", name), "msg": problem, "input": name} for name in unknown]
        )


def query_names(asked: Dependant) -> set[str]:
    """Return the query parameters of an endpoint, and of what it depends on."""
    return {one.alias for one in asked.query_params}.union(*map(query_names, asked.dependencies))


def refuse_unknown(
    connection: Connection, topic: str | None, packs: list[dict[str, Any]], where: str = "query"
) -> None:
    """Refuse a topic that no pack in force has and no article ever had: a typing error must not read as an empty log.

    Raises RequestValidationError, which is answered like any other bad parameter.
    """
    known = sorted(one["id"] for one in packs)
    if topic is None or topic in known or was_flagged(connection, topic):
        return
    problem = f"no topic has this id; known are: {', '.join(known)}"
    raise RequestValidationError([{"type": "unknown_topic", "loc": (where, "topic"), "msg": problem, "input": topic}])
