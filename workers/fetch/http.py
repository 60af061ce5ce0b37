"""The one guarded way out (edge): httpx's transport over a backend of our own.

httpx's timeouts are per read and its decoders unbounded (RELIABILITY.md findings 4 and 5), so the bounds are here:
one deadline over everything, redirects included; caps on raw and on decoded bytes; every hop checked (`guard.py`).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from io import BytesIO

import httpcore
import httpx

from workers.domain.outcomes import Deferred, Dropped, DropReason, Hop, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.fetch.coding import OFFERED, CodingError, Decoder
from workers.fetch.guard import GuardedBackend
from workers.fetch.manners import content_type, judge

REDIRECTS = {301, 302, 303, 307, 308}


@cache
def authorities() -> ssl.SSLContext:
    """Return whose certificates are believed: certifi's list, and this machine's, an operator's own among them."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with our backend underneath; keeps connections for a few seconds."""

    def __init__(self, backend: GuardedBackend, *, connections: int = 50) -> None:
        trusted = authorities()
        super().__init__(verify=trusted, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=connections,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=backend,
        )


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one call asks for; see `ports.Get`."""

    headers: Mapping[str, str]
    accept: tuple[str, ...]
    before_hop: Callable[[str], Awaitable[None]] | None
    before_bytes: Callable[[int], Awaitable[None]] | None
    first_bytes: int | None
    any_status: bool
    deadline: asyncio.Timeout


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
        ports: Iterable[int] = (),
    ) -> None:
        """`allowed`: host:port pairs that may be inside; `ports`: allowed on public addresses besides 80 and 443."""
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._clock = clock
        self._headers = {"user-agent": user_agent, "accept": "*/*", "accept-encoding": OFFERED}
        # The transport alone: httpx.AsyncClient brings cookies, proxies and password files from outside, and reads
        # each Location before we have checked it.
        self._backend = GuardedBackend(allowed, ports)
        self._transport = GuardedTransport(self._backend)

    async def close(self) -> None:
        """Give back every connection."""
        await self._transport.aclose()
        self._backend.close()

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
        """See `ports.Get`. The deadline stands still while `before_hop` or `before_bytes` waits."""
        with told_as_endings(self._deadline_s):
            async with asyncio.timeout(self._deadline_s) as deadline:
                sent = self._headers | dict(headers or {})
                wish = _Wish(sent, accept, before_hop, before_bytes, first_bytes, any_status, deadline)
                return await self._follow(url, hops, wish)

    async def _follow(self, url: str, hops: tuple[Hop, ...], wish: _Wish) -> Response:
        while True:
            target = checked(hops[-1].url if hops else url)
            patience = {"timeout": httpx.Timeout(self._deadline_s).as_dict()}
            request = httpx.Request("GET", target, headers=wish.headers, extensions=patience)
            response = await self._transport.handle_async_request(request)
            try:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or location is None:
                    return replace(await self._read(target, response, wish), hops=hops)
                hop = Hop(response.status_code, str(_join(target, location)))
            finally:
                await response.aclose()
            self._check_loop(url, hops, hop)
            hops = (*hops, hop)
            await self._ask_leave(hops, wish)

    def _check_loop(self, url: str, hops: tuple[Hop, ...], hop: Hop) -> None:
        if len(hops) >= self._max_redirects:
            raise FetchFailed(Dropped(DropReason.REDIRECT_LOOP, f"more than {self._max_redirects} redirects"))
        if _requested(hop.url) in {_requested(url), *(_requested(earlier.url) for earlier in hops)}:
            raise FetchFailed(Dropped(DropReason.REDIRECT_LOOP, f"back to {hop.url}"[:500]))

    async def _ask_leave(self, hops: tuple[Hop, ...], wish: _Wish) -> None:
        """Await `before_hop`; whoever has to wait there goes on from this hop."""
        if wish.before_hop is None:
            return
        try:
            await _untimed(wish.before_hop(hops[-1].url), wish.deadline)
        except FetchFailed as failure:
            if isinstance(failure.ending, Deferred):
                raise FetchFailed(replace(failure.ending, hops=hops)) from failure
            raise

    async def _read(self, url: httpx.URL, response: httpx.Response, wish: _Wish) -> Response:
        status, headers = response.status_code, {name.lower(): value for name, value in response.headers.items()}
        answer = Response(url=str(url), status=status, headers=headers, body=b"", fetched_at=self._clock())
        ending = judge(status, headers, answer.fetched_at)
        if ending is not None and not (wish.any_status and 400 <= status < 600):
            raise FetchFailed(ending)
        if ending is not None or status == 304:
            return answer
        media, _ = content_type(headers)
        if wish.accept and media and not media.startswith(wish.accept):
            raise FetchFailed(Dropped(DropReason.NOT_HTML, media[:100]))
        body = await self._body(response, headers, wish)
        if wish.accept and (not body or body.isspace()):
            raise FetchFailed(Dropped(DropReason.EMPTY, f"HTTP {status}, {len(body)} bytes"))
        return replace(answer, body=body, fetched_at=self._clock())

    async def _body(self, response: httpx.Response, headers: Mapping[str, str], wish: _Wish) -> bytes:
        """Read and decode, both under the cap."""
        response.extensions["network_stream"].get_extra_info("bounds").expect(self._max_bytes)
        whole = BytesIO()  # hands over what it holds without a copy
        raw = size = 0
        try:
            decoder = Decoder(headers.get("content-encoding", "").strip().lower())
            async for chunk in response.aiter_raw():
                raw += len(chunk)
                self._bound(raw)
                for piece in decoder.pieces(chunk):
                    size += len(piece)
                    if wish.before_bytes is not None:
                        await _untimed(wish.before_bytes(len(piece)), wish.deadline)
                    whole.write(piece)
                    if wish.first_bytes is not None and size >= wish.first_bytes:
                        whole.truncate(wish.first_bytes)
                        return whole.getvalue()
                    self._bound(size)
            decoder.finish()
        except (CodingError, httpx.ReadError) as error:
            raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, _said(error))) from error
        return whole.getvalue()

    def _bound(self, size: int) -> None:
        if size > self._max_bytes:
            raise FetchFailed(Dropped(DropReason.TOO_LARGE, f"over {self._max_bytes} bytes"))


@contextmanager
def told_as_endings(deadline_s: float) -> Iterator[None]:
    """Turn what a request can raise into FetchFailed."""
    try:
        yield
    except TimeoutError as error:
        raise FetchFailed(Deferred(RetryReason.TIMEOUT, f"not done after {deadline_s:g} s")) from error
    except httpx.TimeoutException as error:
        raise FetchFailed(Deferred(RetryReason.TIMEOUT, _said(error))) from error
    except httpx.ProtocolError as error:
        raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, _said(error))) from error
    except httpx.TransportError as error:
        raise FetchFailed(Deferred(RetryReason.REFUSED, _said(error))) from error


async def _untimed(waiting: Awaitable[None], deadline: asyncio.Timeout) -> None:
    """Await with the clock stopped; it runs on when that is done."""
    loop, until = asyncio.get_running_loop(), deadline.when()
    left = None if until is None else until - loop.time()
    deadline.reschedule(None)
    await waiting
    deadline.reschedule(None if left is None else loop.time() + left)


def checked(url: str) -> httpx.URL:
    """Return the parsed URL. Raises FetchFailed unless it is http or https, with a host, without credentials."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise FetchFailed(Dropped(DropReason.BAD_URL, str(error)[:200])) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise FetchFailed(Dropped(DropReason.BAD_URL, "not http(s), no host, or credentials inside"))
    return parsed


def _join(base: httpx.URL, location: str) -> httpx.URL:
    """Return where a redirect leads. Raises FetchFailed as `checked` does."""
    try:
        joined = str(base.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(Dropped(DropReason.BAD_URL, f"redirect: {str(error)[:200]}")) from error
    return checked(joined)


def _requested(url: str) -> str:
    """Return what of a URL is asked for: all but its fragment."""
    return str(httpx.URL(url).copy_with(fragment=None))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
