"""Who is let in: the holder of a key that is in force; on loopback anybody, until there is a first key."""

import base64
import binascii
import ipaddress
from collections.abc import Callable
from typing import TypeVar

from fastapi import HTTPException, Request
from sqlalchemy import Engine

from workers.deliver.api.limits import Rate, too_many
from workers.store.keys import Key, Scope, any_key, key_in_force

#: Answered without a key: whoever watches over the process asks it whether it is well.
OPEN = frozenset({"/healthz"})

#: Feed readers and TAXII clients can say a name and a password, and no more: their password is the key.
CHALLENGE = 'Bearer realm="wirewatch", Basic realm="wirewatch"'

F = TypeVar("F", bound=Callable[..., object])


def for_scope(scope: Scope) -> Callable[[F], F]:
    """Return a decorator that says which scope an address needs, when it is not `read` to read and `admin` to write."""

    def mark(endpoint: F) -> F:
        endpoint.needs_scope = scope  # type: ignore[attr-defined]
        return endpoint

    return mark


class Gate:
    """The dependency of every address. It leaves the reader's name in `request.state.reader`."""

    def __init__(self, engine: Engine, rate: Rate, *, open_without_keys: bool) -> None:
        self._engine = engine
        self._rate = rate
        self._open_without_keys = open_without_keys
        self._has_keys = False

    def __call__(self, request: Request) -> None:
        """Let the request go on. Raises HTTPException with 401, 403 or 429."""
        if request.scope["route"].path in OPEN:
            return
        given, address = given_key(request), request.client.host if request.client else "-"
        key = self._look_up(given)
        reader = key.prefix if key else address
        if wait_s := self._rate.take(reader):
            raise too_many("too many requests", wait_s)
        if key is None and (given is not None or not self._is_open()):
            raise HTTPException(401, _why(given), {"www-authenticate": CHALLENGE})
        if key is None and not is_own_name(request.url.hostname or ""):
            raise HTTPException(403, "without a key this is for http://localhost alone: see `wirewatch keys create`")
        needed = scope_of(request)
        if key is not None and not key.allows(needed):
            raise HTTPException(403, f"this key is not for {needed}")
        request.state.reader = reader

    def is_still_in(self, request: Request) -> bool:
        """Return whether a request that goes on for long would be let in now too."""
        return self._look_up(given_key(request)) is not None or (given_key(request) is None and self._is_open())

    def _look_up(self, given: str | None) -> Key | None:
        if not given:
            return None
        with self._engine.connect() as connection:
            return key_in_force(connection, given)

    def _is_open(self) -> bool:
        if not self._has_keys:  # once there is one, there always is
            with self._engine.connect() as connection:
                self._has_keys = any_key(connection)
        return self._open_without_keys and not self._has_keys


def scope_of(request: Request) -> Scope:
    """Return what a key must be for, to ask this."""
    usual = Scope.READ if request.method in {"GET", "HEAD"} else Scope.ADMIN
    return getattr(request.scope["route"].endpoint, "needs_scope", usual)


def given_key(request: Request) -> str | None:
    """Return the key in a request's Authorization header, "" when there is something else, None without the header."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _password(rest)
        case _:
            return ""


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def is_own_name(host: str) -> bool:
    """Return whether a Host is an address or localhost. A page elsewhere can give a name of its own the address
    127.0.0.1, and so make a browser on this machine ask us; it cannot make the browser say another name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _why(given: str | None) -> str:
    if given is None:
        return "a key is needed: Authorization: Bearer ww_..."
    return "this key is not in force: it is none of ours, has expired or was revoked"
