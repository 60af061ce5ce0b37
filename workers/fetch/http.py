"""The one guarded way out (edge). httpx with its own network backend.

httpx's timeouts are per read and its decoders unbounded (RELIABILITY.md findings 4 and 5), so the bounds are here:
one deadline over everything, redirects included; caps on raw and on decoded bytes; every hop resolved once, refused
unless all of its addresses are public, and connected to the address that was checked (TLS still verifies the name).
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from workers.domain.outcomes import Deferred, DropReason, Dropped, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.fetch.addresses import is_public
from workers.fetch.manners import content_type, judge

REDIRECTS = {301, 302, 303, 307, 308}
PORTS = {80, 443}
#: What `Accept-Encoding` names, and nothing else is taken.
ENCODINGS = {"gzip", "x-gzip", "deflate", "identity", ""}


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and to the very address that was checked."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)  # host:port
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, check every answer, connect to the first that answers."""
        addresses = await self._resolve(host, port)
        if f"{host}:{port}" not in self._allowed:
            if port not in PORTS:
                raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, f"port {port}"))
            for address in addresses:
                if not is_public(address):
                    raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, f"{host} is {address}"))
        error: Exception = httpcore.ConnectError(f"no address for {host}")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
        raise error

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host}: {error}") from error
        return list(dict.fromkeys(str(answer[4][0]) for answer in found))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no outside thing is behind a unix socket."""
        raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, "unix socket"))

    async def sleep(self, seconds: float) -> None:
        """Wait between httpcore's own connection tries (we ask for none)."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with our backend underneath; keeps connections for a few seconds."""

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
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
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(allowed),
            trust_env=False,
            # no cookie of one outlet is ever kept, let alone sent
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            timeout=deadline_s,
            headers={"user-agent": user_agent, "accept-encoding": "gzip, deflate"},
        )

    async def close(self) -> None:
        """Give back every connection."""
        await self._client.aclose()

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
        except (httpx.TransportError, httpcore.ConnectError) as error:
            raise FetchFailed(Deferred(RetryReason.CONNECTION, _said(error))) from error

    async def _follow(self, url: str, headers: dict[str, str], accept: tuple[str, ...]) -> Response:
        for _ in range(self._max_redirects + 1):
            target = _checked(url)
            request = self._client.build_request("GET", target, headers=headers)
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or location is None:
                    return await self._read(response, accept)
                url = _join(target, location)
            finally:
                await response.aclose()
        raise FetchFailed(Dropped(DropReason.REDIRECT_LOOP, f"more than {self._max_redirects} redirects"))

    async def _read(self, response: httpx.Response, accept: tuple[str, ...]) -> Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        now = self._clock()
        ending = judge(response.status_code, headers, now)
        if ending is not None:
            raise FetchFailed(ending)
        media, _ = content_type(headers)
        if accept and media and not media.startswith(accept):
            raise FetchFailed(Dropped(DropReason.NOT_HTML, media[:100]))
        body = b"" if response.status_code == 304 else await self._body(response, headers)
        return Response(
            url=str(response.url), status=response.status_code, headers=headers, body=body, fetched_at=self._clock()
        )

    async def _body(self, response: httpx.Response, headers: Mapping[str, str]) -> bytes:
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, f"content-encoding {encoding[:100]!r} was not offered"))
        chunks = []
        size = 0
        async with aclosing(self._raw(response)) as raw:
            source = _inflated(raw, encoding, self._max_bytes) if encoding not in {"", "identity"} else raw
            async for chunk in source:
                size += len(chunk)
                if size > self._max_bytes:
                    raise FetchFailed(Dropped(DropReason.TOO_LARGE, f"over {self._max_bytes} bytes"))
                chunks.append(chunk)
        return b"".join(chunks)

    async def _raw(self, response: httpx.Response) -> AsyncIterator[bytes]:  # an async generator: closed by _body
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > self._max_bytes:
                raise FetchFailed(Dropped(DropReason.TOO_LARGE, f"over {self._max_bytes} bytes on the wire"))
            yield chunk


async def _inflated(raw: AsyncIterator[bytes], encoding: str, cap: int) -> AsyncIterator[bytes]:
    """Undo one layer of gzip or deflate, never more than `cap` + 1 bytes at a time."""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by the header
    begun = False
    try:
        async for chunk in raw:
            if not begun and encoding == "deflate" and chunk and (chunk[0] & 0x0F) != 8:
                inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)  # the old mistake: deflate without its header
            begun = begun or bool(chunk)
            if not inflate.eof:
                yield inflate.decompress(chunk, cap + 1)
                while inflate.unconsumed_tail:
                    yield inflate.decompress(inflate.unconsumed_tail, cap + 1)
    except zlib.error as error:
        raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, f"{encoding}: {error}")) from error
    if begun and not inflate.eof:
        raise FetchFailed(Deferred(RetryReason.BROKEN_BODY, f"{encoding}: cut off"))


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
