"""Answers in JSON that know themselves again: a reader who has one already is told so (RFC 9110, section 13)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

#: Answers may be kept, but are asked for again each time: with its tag that costs a reader no bytes.
CACHING = {"cache-control": "private, no-cache"}


def as_json(value: Any) -> bytes:
    """Return a value as JSON, in the letters of its language."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def tagged(request: Request, value: Any) -> Response:
    """Return the value in JSON with its tag, or 304 to a reader who has it."""
    body = as_json(value)
    # weak, for the body may go with gzip or without
    headers = {**CACHING, "etag": f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'}
    if has_tag(request.headers, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def has_tag(asked: Mapping[str, str], tag: str) -> bool:
    """Return whether a request names this tag in If-None-Match; weak and strong are the same here."""
    named = {one.strip().removeprefix("W/") for one in asked.get("if-none-match", "").split(",")}
    return bool(named & {"*", tag.removeprefix("W/")})
