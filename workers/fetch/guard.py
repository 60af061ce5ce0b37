"""Where connections may go (edge): every name resolved once, refused unless all of its addresses are public, and
connected to the very address that was checked; TLS still verifies the name (RELIABILITY.md S1).
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore

from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason
from workers.domain.ports import FetchFailed
from workers.fetch.addresses import is_public

#: Those of the web; others are named by the operator, as a fetcher of any port is a scanner in the hands of a feed.
PORTS = {80, 443}
#: For one address of a name, so that a dead one (IPv6 without a route) leaves time for the next: a lost SYN is sent
#: again after 1 s and 3 s.
CONNECT_S = 5.0
#: Names that are looked up at once. More than asyncio's own threads (6 on two cores), which the store needs too: names
#: whose servers never answer hold a thread for some 10 to 30 s each.
LOOKUPS = 64
#: What may come before a body: the head (h11 refuses one of over 100 KiB) and interim answers, each of which costs some
#: 60 microseconds of CPU.
HEAD_BYTES = 256 << 10
#: What may come with a body: the sizes of chunks, trailers.
FRAME_BYTES = 1 << 20


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and to the very address that was checked."""

    def __init__(self, allowed: Iterable[str], ports: Iterable[int] = ()) -> None:
        """`allowed`: host:port pairs that need not be public; `ports`: besides 80 and 443, on public addresses."""
        self._allowed = frozenset(pair.lower().replace("[", "").replace("]", "") for pair in allowed)
        self._ports = PORTS | set(ports)
        self._plain = httpcore.AnyIOBackend()
        self._resolvers = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="dns")

    def close(self) -> None:
        """Look up no more names; who waits for one need not."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, check every answer, connect to the first that answers."""
        guarded = f"{host}:{port}" not in self._allowed
        if guarded and port not in self._ports:
            raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, f"port {port}"))
        addresses = await self._resolve(host, port)
        for address in addresses:
            if guarded and not is_public(address):
                raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, f"{host} is {address}"))
        patience = CONNECT_S if timeout is None else min(CONNECT_S, timeout)
        for address in addresses:
            try:
                stream = await self._plain.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
            else:
                return BoundedStream(stream)
        raise error

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name, at least one."""
        try:
            look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = await asyncio.get_running_loop().run_in_executor(self._resolvers, look_up)
        except UnicodeError as error:  # no such name can exist: an empty label, or one of over 63 bytes
            raise FetchFailed(Dropped(DropReason.BAD_URL, f"{host}: {error}"[:500])) from error
        except OSError as error:
            raise FetchFailed(Deferred(RetryReason.DNS, f"{host}: {error}")) from error
        if not found:
            raise FetchFailed(Deferred(RetryReason.DNS, f"{host}: no address"))
        return list(dict.fromkeys(str(answer[4][0]) for answer in found))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no outside thing is behind a unix socket."""
        raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, "unix socket"))

    async def sleep(self, seconds: float) -> None:
        """Wait between httpcore's own connection tries (we ask for none)."""
        await asyncio.sleep(seconds)


class BoundedStream(httpcore.AsyncNetworkStream):
    """A stream that brings so many bytes in answer to a request and no more, whatever they are called."""

    def __init__(self, plain: httpcore.AsyncNetworkStream) -> None:
        self._plain = plain
        self._left = HEAD_BYTES

    def expect(self, max_bytes: int) -> None:
        """Let a body come, of so many bytes."""
        self._left += max_bytes + FRAME_BYTES

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands; an end of any kind closes the socket (httpcore 1.0.9 leaves it open when it is cancelled)."""
        try:
            return BoundedStream(await self._plain.start_tls(ssl_context, server_hostname, timeout))
        except httpcore.ConnectError as error:
            await self._plain.aclose()
            raise FetchFailed(Deferred(RetryReason.TLS, str(error)[:500])) from error
        except BaseException:
            await self._plain.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the plain stream. Raises FetchFailed when the answer does not end."""
        data = await self._plain.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise FetchFailed(Dropped(DropReason.TOO_LARGE, "no end on the wire"))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the plain stream: a new request, or more of it."""
        self._left = HEAD_BYTES
        await self._plain.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the plain stream."""
        await self._plain.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Answer what httpcore asks of the socket (whether it is still readable); "bounds" is this stream."""
        if info == "bounds":
            return self
        return self._plain.get_extra_info(info)
