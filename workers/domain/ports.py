"""What a room asks of the outside, as types: the room names what it needs, `bootstrap` decides what it gets."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.domain.errors import WirewatchError
from workers.domain.outcomes import Deferred, Dropped, Hop


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An answer that may be used: status 200..299 with its whole body, or 304 without one."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # transfer and content coding undone
    fetched_at: datetime
    hops: tuple[Hop, ...] = ()  # the redirects that led here
    rest_s: float = 0.0  # for so long its host rests after this answer


#: Characters; an ETag has some dozens.
MAX_VALIDATOR = 1_000


def validator(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header (`etag`, `last-modified`) that can be sent back as it came: ASCII, and not a novel."""
    value = headers.get(name)
    return value if value and value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR else None


class FetchFailed(WirewatchError):  # noqa: N818  (an ending of the path, not a bug)
    """No usable answer came; `ending` says what that means for the entry."""

    def __init__(self, ending: Dropped | Deferred) -> None:
        self.ending = ending
        super().__init__(f"{ending.reason}: {ending.detail}")


class Get(Protocol):
    """The one guarded way out: bounded in time, bytes and redirects, to public addresses only."""

    async def __call__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        accept: tuple[str, ...] = (),
        hops: tuple[Hop, ...] = (),
        before_hop: Callable[[str], Awaitable[None]] | None = None,
        before_bytes: Callable[[int], Awaitable[None]] | None = None,
        first_bytes: int | None = None,
        any_status: bool = False,
    ) -> Response:
        """Return the answer.

        `accept`: content types that are wanted (prefixes); empty takes all. `hops`: redirects that an earlier call
        followed; this one goes on from the last. `before_hop` is awaited with the URL of each further redirect, and
        `before_bytes` with the size of each piece of the body before it is held; both may raise. `first_bytes`: read no
        more of the body than that, and be content. `any_status`: 4xx and 5xx are answers too (for robots.txt, where
        they have a meaning). Raises FetchFailed.
        """
        ...


class Post(Protocol):
    """The same guarded way out, for what we send."""

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Response:
        """Return the answer, of any status, without its body: redirects are not followed. Raises FetchFailed."""
        ...


class Session(Protocol):
    """The way out with manners, for one batch of work: robots.txt, one request at a time to a host, its spacing."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        accept: tuple[str, ...] = (),
        hops: tuple[Hop, ...] = (),
        robots: bool = True,
    ) -> Response:
        """Return the answer when the host's turn has come; see `Get`. `robots=False`: its operator said to ignore them.

        Its body counts until `done` is told of the URL: while too much is held, other answers wait.
        Raises FetchFailed; with `RetryReason.WAITING` when the turn does not come while this session lasts.
        """
        ...

    @property
    def is_crowded(self) -> bool:
        """Whether answers wait until others are done with."""
        ...

    async def done(self, urls: Iterable[str]) -> None:
        """Hear that the answers for these are held no more; give back the hosts that nobody here is waiting for."""
        ...


#: Opens a session for these URLs; it ends with its `async with` block.
OpenSession = Callable[[Iterable[str]], AbstractAsyncContextManager[Session]]
