"""The one guarded way out (edge): httpx's transport over a backend of our own.

httpx's timeouts are per read and its decoders unbounded (RELIABILITY.md findings 4 and 5), so the bounds are here:
one deadline over everything, redirects included; caps on raw and on decoded bytes; every hop checked (`guard.py`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import httpcore
import httpx

from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.fetch.coding import OFFERED, CodingError, Decoder
from workers.fetch.guard import GuardedBackend
from workers.fetch.manners import content_type, judge

REDIRECTS = {301, 302, 303, 307, 308}


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with our backend underneath; keeps connections for a few seconds."""

    def __init__(self, allowed: Iterable[str]) -> None:
        trusted = httpx.create_ssl_context(trust_env=False)  # the authorities that certifi ships
        trusted.load_default_certs()  # and those of this machine, an operator's own among them
        super().__init__(verify=trusted, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=50,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=GuardedBackend(allowed),
        )


class HttpClient:
    """One per process: a client costs about 27 ms of CPU (its TLS context). Implements `ports.Get`."""

    def __init__(
        self,
        *,
        user_agent: str,
        deadline_s: float,
        max_bytes: int,
        max_redirects: int,
        allowed: Iterable[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._clock = clock
        self._headers = {"user-agent": user_agent, "accept": "*/*", "accept-encoding": OFFERED}
        # The transport alone: httpx.AsyncClient brings cookies, proxies and password files from outside, and reads
        # each Location before we have checked it.
        self._transport = GuardedTransport(allowed)

    async def close(self) -> None:
        """Give back every connection."""
        await self._transport.aclose()

    async def __call__(
        self, url: str, *, headers: Mapping[str, str] | None = None, accept: tuple[str, ...] = ()
    ) -> Response:
        """See `ports.Get`."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._follow(url, dict(headers or {}), accept)
        except TimeoutError as error:
            raise FetchFailed(Deferred(RetryReason.TIMEOUT, f"not done after {self._deadline_s:g} s")) from error
        except httpx.TimeoutException as error:
            raise FetchFailed(Deferred(RetryReason.TIMEOUT, _said(error))) from error
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, _said(error))) from error
        except httpx.TransportError as error:
            raise FetchFailed(Deferred(RetryReason.CONNECTION, _said(error))) from error

    async def _follow(self, url: str, headers: dict[str, str], accept: tuple[str, ...]) -> Response:
        for _ in range(self._max_redirects + 1):
            target = _checked(url)
            patience = httpx.Timeout(self._deadline_s).as_dict()
            request = httpx.Request("GET", target, headers=self._headers | headers, extensions={"timeout": patience})
            response = await self._transport.handle_async_request(request)
            try:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or location is None:
                    return await self._read(target, response, accept)
                url = _join(target, location)
            finally:
                await response.aclose()
        raise FetchFailed(Dropped(DropReason.REDIRECT_LOOP, f"more than {self._max_redirects} redirects"))

    async def _read(self, url: httpx.URL, response: httpx.Response, accept: tuple[str, ...]) -> Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        now = self._clock()
        ending = judge(response.status_code, headers, now)
        if ending is not None:
            raise FetchFailed(ending)
        media, _ = content_type(headers)
        if accept and media and not media.startswith(accept):
            raise FetchFailed(Dropped(DropReason.NOT_HTML, media[:100]))
        body = b"" if response.status_code == 304 else await self._body(response, headers)
        return Response(url=str(url), status=response.status_code, headers=headers, body=body, fetched_at=self._clock())

    async def _body(self, response: httpx.Response, headers: Mapping[str, str]) -> bytes:
        """Read and decode, both under the cap."""
        pieces: list[bytes] = []
        raw = size = 0
        try:
            decoder = Decoder(headers.get("content-encoding", "").strip().lower())
            async for chunk in response.aiter_raw():
                raw += len(chunk)
                self._bound(raw)
                for piece in decoder.pieces(chunk):
                    size += len(piece)
                    self._bound(size)
                    pieces.append(piece)
            decoder.finish()
        except CodingError as error:
            raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, str(error))) from error
        return b"".join(pieces)

    def _bound(self, size: int) -> None:
        if size > self._max_bytes:
            raise FetchFailed(Dropped(DropReason.TOO_LARGE, f"over {self._max_bytes} bytes"))


def _checked(url: str) -> httpx.URL:
    """Return the parsed URL. Raises FetchFailed unless it is http or https, with a host, without credentials."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise FetchFailed(Dropped(DropReason.BAD_URL, str(error)[:200])) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise FetchFailed(Dropped(DropReason.BAD_URL, "not http(s), no host, or credentials inside"))
    return parsed


def _join(base: httpx.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(Dropped(DropReason.BAD_URL, f"redirect: {str(error)[:200]}")) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
