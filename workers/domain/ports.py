"""What a room asks of the outside, as types: the room names what it needs, `bootstrap` decides what it gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.domain.errors import WirewatchError
from workers.domain.outcomes import Deferred, Dropped


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An answer that may be used: status 200..299 with its whole body, or 304 without one."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # transfer and content coding undone
    fetched_at: datetime


class FetchFailed(WirewatchError):  # noqa: N818  (an ending of the path, not a bug)
    """No usable answer came; `ending` says what that means for the entry."""

    def __init__(self, ending: Dropped | Deferred) -> None:
        self.ending = ending
        super().__init__(f"{ending.reason}: {ending.detail}")


class Get(Protocol):
    """The one guarded way out: bounded in time, bytes and redirects, to public addresses only."""

    async def __call__(
        self, url: str, *, headers: Mapping[str, str] | None = None, accept: tuple[str, ...] = ()
    ) -> Response:
        """Return the answer. `accept`: content types that are wanted (prefixes); empty takes all.

        Raises FetchFailed.
        """
        ...
