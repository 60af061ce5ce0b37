"""What a reader of the HTTP API gets, without a port: the application itself is asked."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
from fastapi import FastAPI


def answers_of(app: FastAPI, paths: Iterable[str]) -> list[Any]:
    """Return the JSON that each path answers; each must answer with 200."""

    async def ask() -> list[Any]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = [await client.get(path) for path in paths]
            assert [one.status_code for one in answers] == [200] * len(answers), answers[-1].text
            return [one.json() for one in answers]

    return asyncio.run(ask())


def read_changes(app: FastAPI, after: int = 0) -> list[dict[str, Any]]:
    """Return every change after a cursor, as a consumer reads them: page by page."""
    found: list[dict[str, Any]] = []
    while True:
        (page,) = answers_of(app, [f"/v1/changes?after={after}&limit=500"])
        if not page["changes"]:
            return found
        found += page["changes"]
        after = page["next_after"]
