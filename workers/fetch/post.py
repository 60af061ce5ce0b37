"""The same guarded way out, for what we send (edge): one POST, one answer, no redirect followed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

import httpx

from workers.domain.ports import FetchFailed, Response
from workers.fetch.guard import GuardedBackend
from workers.fetch.http import GuardedTransport, checked, told_as_endings
from workers.fetch.manners import retry_after

#: Of an answer's body, which nobody reads: with its end the connection can serve again (RELIABILITY.md A6).
MOST_BYTES = 64 << 10
#: For the rest of the body after the head came: part of the deadline.
REST_S = 1.0


class HttpPoster:
    """One per process, with as many connections as it may need at once. Implements `ports.Post`."""

    def __init__(
        self,
        *,
        user_agent: str,
        deadline_s: float,
        allowed: Iterable[str],
        clock: Callable[[], datetime],
        ports: Iterable[int] = (),
        connections: int,
    ) -> None:
        """`allowed`: host:port pairs that may be inside; `ports`: allowed on public addresses besides 80 and 443."""
        self._deadline_s = deadline_s
        self._clock = clock
        self._headers = {"user-agent": user_agent, "accept": "*/*", "accept-encoding": "identity"}
        self._backend = GuardedBackend(allowed, ports)
        self._transport = GuardedTransport(self._backend, connections=connections)

    async def close(self) -> None:
        """Give back every connection."""
        await self._transport.aclose()
        self._backend.close()

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Response:
        """See `ports.Post`."""
        with told_as_endings(self._deadline_s):
            async with asyncio.timeout(self._deadline_s):
                patience = {"timeout": httpx.Timeout(self._deadline_s).as_dict()}
                sent = self._headers | dict(headers)
                request = httpx.Request("POST", checked(url), headers=sent, content=body, extensions=patience)
                response = await self._transport.handle_async_request(request)
                try:
                    await _drain(response)
                finally:
                    await response.aclose()
                return self._answer(url, response)

    def _answer(self, url: str, response: httpx.Response) -> Response:
        now, told = self._clock(), {name.lower(): value for name, value in response.headers.items()}
        rest_s = retry_after(told.get("retry-after"), now) or 0.0
        return Response(url=url, status=response.status_code, headers=told, body=b"", fetched_at=now, rest_s=rest_s)


async def _drain(response: httpx.Response) -> None:
    """Read a short body to its end; of any other, nothing more is wanted: its head was the answer."""
    response.extensions["network_stream"].get_extra_info("bounds").expect(MOST_BYTES)
    size = 0
    with suppress(TimeoutError, httpx.TransportError, FetchFailed):
        async with asyncio.timeout(REST_S):
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > MOST_BYTES:
                    return
