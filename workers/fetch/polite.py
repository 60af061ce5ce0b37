"""The way out with manners (edge): robots.txt first, one request at a time to a host, its spacing between two.

A session serves one batch of work. It reserves the hosts of its URLs in the store, so that no other process asks them;
in this process each host's requests wait for one another, redirects and robots.txt among them. What would have to
wait longer than the session lasts comes back as `RetryReason.WAITING`, with the redirects it has followed so far.
"""

import asyncio
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

from workers.domain.outcomes import Deferred, Dropped, DropReason, Hop, RetryReason
from workers.domain.ports import FetchFailed, Get, Response
from workers.fetch.budget import Budget
from workers.fetch.manners import retry_after
from workers.fetch.robots import MAX_AGE, MAX_BYTES, Rules, lifetime, origin, parse_robots, robots_url, verdict
from workers.store.hosts import Ended, Turn
from workers.store.robots import KnownRobots
from workers.store.rows import host_of
from workers.store.text import storable

#: Bytes of bodies that a session holds before others wait: thirty usual pages. With one more of 10 MB, and
#: with what else a batch takes, that stays below 50 MB (`tests/integration/test_memory_of_a_batch.py`).
MOST_HELD = 4 << 20
#: A robots.txt whose server fails is asked for again after this.
UNKNOWN_S = 1_800.0
#: Lines of robots.txt that a process remembers, of all origins: parsed, up to a KB each. Most sites have some dozens.
REMEMBERED = 10_000
#: A host that did not answer at all rests so long, whoever asks; a tenth of what Media Cloud's fetcher gives it.
UNREACHABLE_REST_S = 60.0
#: A host that said stop and not for how long: 1 min, 2 min, 4 min ... (RELIABILITY.md S15), at most a day.
STOP_REST_S, LONGEST_REST_S = 60.0, 86_400.0
#: Redirects of a robots.txt wait for the host's spacing, but not longer: the page is asked for at the next turn anyway.
ROBOTS_HOP_S = 5.0

UNREACHABLE = {RetryReason.TIMEOUT, RetryReason.DNS, RetryReason.REFUSED, RetryReason.TLS}


class Hosts(Protocol):
    """Who may ask a host (`workers/store/hosts.py`)."""

    def reserve(self, names: Iterable[str], token: UUID) -> dict[str, Turn]:
        """Take hold of hosts."""
        ...

    def release(self, token: UUID, ended: Mapping[str, Ended]) -> None:
        """Give them back."""
        ...


class Robots(Protocol):
    """What /robots.txt said (`workers/store/robots.py`)."""

    def known(self, origins: Iterable[str]) -> dict[str, KnownRobots]:
        """Return what is known and not out of date."""
        ...

    def keep(self, origin: str, found: KnownRobots) -> KnownRobots:
        """Remember what was found."""
        ...


class Alone:
    """Both of them for one command of an operator, beside a running system or without one."""

    def reserve(self, names: Iterable[str], token: UUID) -> dict[str, Turn]:
        """Grant every host: nobody else is asking on its behalf."""
        return dict.fromkeys(names, Turn(True, 0.0))

    def release(self, token: UUID, ended: Mapping[str, Ended]) -> None:
        """Nobody waits."""

    def known(self, origins: Iterable[str]) -> dict[str, KnownRobots]:
        """Know nothing beforehand."""
        return {}

    def keep(self, origin: str, found: KnownRobots) -> KnownRobots:
        """Keep nothing beyond the session."""
        return found


@dataclass(slots=True)
class _Host:
    """A host in this session. Moments are of the monotonic clock."""

    name: str
    granted: bool
    opens_at: float  # no request begins before
    gap_s: float
    penalties: int = 0
    expected: int = 0  # calls that have not come back yet
    penalised: bool | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Outside:
    """Opens sessions. One per process: it remembers the robots.txt that it has parsed."""

    def __init__(
        self,
        http: Get,
        hosts: Hosts,
        robots: Robots,
        *,
        delay_s: float,
        budget_s: float,
        deadline_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        """`delay_s`: between two requests to a host; 0: none, and as many at once as there are (a server of your own).
        `budget_s`: no request that has to wait begins later than this after its session; `deadline_s` later all of
        it has ended, robots.txt and redirects included.
        """
        self.http = http
        self.hosts = hosts
        self.robots = robots
        self.delay_s = delay_s
        self.budget_s = budget_s
        self.deadline_s = deadline_s
        self.clock = clock
        self._remembered: OrderedDict[str, tuple[float, Rules]] = OrderedDict()

    @asynccontextmanager
    async def session(self, urls: Iterable[str]) -> AsyncIterator["PoliteSession"]:
        """Open a session for these URLs; hosts are given back at its end, whatever that is. See `ports.OpenSession`."""
        session = PoliteSession(self, list(urls))
        try:
            await session.begin()
            yield session
        finally:
            await session.end()

    def rules(self, of: str) -> Rules | None:
        """Return the rules of an origin, None when they are not known here or out of date."""
        until, rules = self._remembered.get(of, (0.0, None))
        return rules if until > time.monotonic() else None

    def remember(self, of: str, found: KnownRobots) -> Rules | None:
        """Take what is known of an origin into memory and return its rules; None where its server fails."""
        if found.verdict == "unknown" and found.body is None:
            return None
        rules = parse_robots(found.body if found.body is not None and found.verdict != "allow" else b"")
        self._remembered.pop(of, None)
        self._remembered[of] = (time.monotonic() + found.expires_s, rules)
        while sum(known.lines for _, known in self._remembered.values()) > REMEMBERED and len(self._remembered) > 1:
            self._remembered.popitem(last=False)
        return rules


class PoliteSession:
    """Implements `ports.Session`."""

    def __init__(self, outside: Outside, urls: list[str]) -> None:
        self._outside = outside
        self._token = uuid4()
        self._expected = Counter(host_of(url) for url in urls)
        self._origins = {of for url in urls if (of := _origin(url))}
        self._hosts: dict[str, _Host] = {}
        self._unknown: set[str] = set()  # origins of which the store knows nothing
        self._failing: dict[str, KnownRobots] = {}  # origins whose robots.txt is not known and cannot be had now
        self._reserving = asyncio.Lock()
        self._robots_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._budget = Budget(MOST_HELD)
        self._last_start = time.monotonic() + outside.budget_s
        self._end = self._last_start + outside.deadline_s

    # --- hosts ---------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Reserve every host and look up every robots.txt in one statement each."""
        await self._reserve([name for name in self._expected if name])
        unknown = [one for one in self._origins if self._outside.rules(one) is None]
        if unknown:
            found = await asyncio.to_thread(self._outside.robots.known, unknown)
            self._unknown = set(unknown) - found.keys()
            self._take_known(found)

    def _take_known(self, found: Mapping[str, KnownRobots]) -> None:
        for of, known in found.items():
            if self._outside.remember(of, known) is None:
                self._failing[of] = known

    async def _reserve(self, names: list[str]) -> None:
        gap = self._outside.delay_s
        if gap:
            turns = await asyncio.to_thread(self._outside.hosts.reserve, names, self._token)
        else:
            turns = dict.fromkeys(names, Turn(True, 0.0))
        now = time.monotonic()
        for name, turn in turns.items():
            self._hosts[name] = _Host(
                name, turn.granted, now + turn.wait_s, gap, turn.penalties, self._expected.get(name, 0)
            )

    async def _host(self, name: str) -> _Host:
        async with self._reserving:
            if name not in self._hosts:
                await self._reserve([name])
        return self._hosts[name]

    @property
    def is_crowded(self) -> bool:
        """See `ports.Session`."""
        return self._budget.waiting > 0

    async def done(self, urls: Iterable[str]) -> None:
        """See `ports.Session`."""
        for url in urls:
            await self._budget.give_back(url)
        await self._release([one for one in self._hosts.values() if one.expected <= 0 and not one.lock.locked()])

    async def end(self) -> None:
        """Give back every host that is still held."""
        await self._release(list(self._hosts.values()))

    async def _release(self, hosts: list[_Host]) -> None:
        now = time.monotonic()
        ended = {}
        for one in hosts:
            del self._hosts[one.name]
            if one.granted and self._outside.delay_s:
                ended[one.name] = Ended(rest_s=max(0.0, one.opens_at - now), penalised=one.penalised)
        if ended:
            await asyncio.to_thread(self._outside.hosts.release, self._token, ended)

    # --- a request -----------------------------------------------------------------------------

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        accept: tuple[str, ...] = (),
        hops: tuple[Hop, ...] = (),
        robots: bool = True,
    ) -> Response:
        """See `ports.Session`."""
        target = hops[-1].url if hops else url
        ask = partial(
            self._outside.http,
            url,
            headers=headers,
            accept=accept,
            hops=hops,
            before_bytes=partial(self._hold, url),
        )
        name = host_of(target)
        if not name or not _origin(target):  # nothing goes out without a turn
            raise FetchFailed(Dropped(DropReason.BAD_URL, "not http(s), or no host"))
        host = await self._host(name)
        try:
            async with asyncio.timeout_at(self._end), AsyncExitStack() as held:
                await self._enter(host, held)
                if robots:
                    await self._check_robots(target, host)
                await self._pace(host)
                path = [host]
                before_hop = partial(self._before_hop, path, held, robots)
                response = await self._ask(path, partial(ask, before_hop=before_hop))
                return replace(response, rest_s=path[-1].gap_s)
        except FetchFailed:
            await self._budget.give_back(url)
            raise
        except TimeoutError as error:
            await self._budget.give_back(url)
            raise FetchFailed(Deferred(RetryReason.TIMEOUT, "robots.txt and redirects took all its time")) from error
        finally:
            host.expected -= 1

    async def _hold(self, name: str, size: int) -> None:
        """Wait until so many bytes more may be held. Raises FetchFailed when that is after the session's time."""
        try:
            async with asyncio.timeout_at(self._last_start):
                await self._budget.take(name, size)
        except TimeoutError as error:
            held = f"{MOST_HELD >> 20} MB of other answers are held"
            raise FetchFailed(Deferred(RetryReason.WAITING, held, 0.0)) from error

    async def _enter(self, host: _Host, held: AsyncExitStack) -> None:
        """Wait until nobody else in this session asks the host; refuse when it is not ours."""
        if not host.granted:
            raise self._waiting(host)
        if self._outside.delay_s:
            await held.enter_async_context(host.lock)

    async def _pace(self, host: _Host) -> None:
        """Wait until the host may be asked. Raises FetchFailed when that is after the session's time."""
        if host.opens_at <= time.monotonic():
            return
        if host.opens_at > self._last_start:
            raise self._waiting(host)
        await asyncio.sleep(host.opens_at - time.monotonic())

    def _waiting(self, host: _Host) -> FetchFailed:
        rest_s = max(host.opens_at - time.monotonic(), 0.0)
        # a session takes hold of a host before it opens and waits: whoever came at the opening would always be too late
        again_s = max(rest_s - self._outside.budget_s, 0.0) if host.granted else rest_s
        return FetchFailed(Deferred(RetryReason.WAITING, f"{host.name} may be asked again in {rest_s:.0f} s", again_s))

    async def _ask(self, path: list[_Host], ask: Callable[[], Awaitable[Response]]) -> Response:
        """Make one request; `path` are the hosts that it leads over, and each rests after its part of it."""
        try:
            response = await ask()
        except FetchFailed as failure:
            self._rest(path[-1], failure.ending)
            raise
        finally:
            _begin_gap(path[-1])
        if self._outside.delay_s:
            path[-1].penalised = False
        return response

    def _rest(self, host: _Host, ending: Dropped | Deferred) -> None:
        """Let a host that said stop, or nothing at all, rest."""
        if not isinstance(ending, Deferred) or not self._outside.delay_s:
            return
        if ending.reason is RetryReason.RATE_LIMITED:
            rest_s = min(STOP_REST_S * 2.0 ** min(host.penalties, 20), LONGEST_REST_S)
            if ending.wait_s is not None:
                rest_s = ending.wait_s
            host.penalised = True
        elif ending.reason in UNREACHABLE:
            rest_s = UNREACHABLE_REST_S
        else:
            return
        host.opens_at = max(host.opens_at, time.monotonic() + rest_s)

    async def _before_hop(self, path: list[_Host], held: AsyncExitStack, robots: bool, url: str) -> None:
        """Give a redirect the manners of any other request."""
        _begin_gap(path[-1])
        name = host_of(url)
        if name != path[-1].name:
            host = await self._host(name)
            if all(host is not one for one in path):  # back to one of them: it is in hand
                if host.lock.locked():  # waiting for it while holding another: two of us would wait for each other
                    raise self._waiting(host)
                await self._enter(host, held)
            path.append(host)
        if robots:
            await self._check_robots(url, path[-1])
        await self._pace(path[-1])

    # --- robots.txt ----------------------------------------------------------------------------

    async def _check_robots(self, url: str, host: _Host) -> None:
        """Raise FetchFailed unless robots.txt allows the URL; take over the host's crawl delay."""
        of = origin(url)
        async with self._robots_locks[of]:
            rules = self._outside.rules(of)
            if rules is None and of not in self._failing and of not in self._unknown:
                # a redirect's, or forgotten for the sake of others
                self._take_known(await asyncio.to_thread(self._outside.robots.known, [of]))
                rules = self._outside.rules(of)
            if rules is None and of not in self._failing:
                try:
                    rules = await self._fetch_robots(of, host)
                finally:
                    self._unknown.discard(of)
                    await self._budget.give_back(robots_url(of))
        if rules is None:
            known = self._failing[of]
            raise FetchFailed(Deferred(RetryReason.HTTP_5XX, f"robots.txt: {known.detail}", known.expires_s))
        if self._outside.delay_s and rules.crawl_delay_s is not None:
            host.gap_s = max(self._outside.delay_s, rules.crawl_delay_s)
        if not rules.allows(url):
            raise FetchFailed(Dropped(DropReason.DISALLOWED, f"by robots.txt of {of}"))

    async def _fetch_robots(self, of: str, host: _Host) -> Rules | None:
        await self._pace(host)
        path, hops = [host], list[str]()
        url = robots_url(of)
        ask = partial(
            self._outside.http,
            url,
            before_bytes=partial(self._hold, url),
            first_bytes=MAX_BYTES,
            any_status=True,
        )
        try:
            async with AsyncExitStack() as held:
                before_hop = partial(self._before_robots_hop, path, hops, held)
                response = await self._ask(path, partial(ask, before_hop=before_hop))
        except FetchFailed as failure:
            found = _without_answer(failure.ending, redirected=bool(hops))
        else:
            found = _found(response)
            if response.status in {429, 503}:
                wait_s = retry_after(response.headers.get("retry-after"), self._outside.clock())
                self._rest(path[-1], Deferred(RetryReason.RATE_LIMITED, wait_s=wait_s))
        kept = await asyncio.to_thread(self._outside.robots.keep, of, found)
        self._take_known({of: kept})
        return self._outside.rules(of)

    async def _before_robots_hop(self, path: list[_Host], hops: list[str], held: AsyncExitStack, url: str) -> None:
        hops.append(url)
        if host_of(url) != path[-1].name:
            await self._before_hop(path, held, False, url)
        elif self._outside.delay_s:
            await asyncio.sleep(min(path[-1].gap_s, ROBOTS_HOP_S))


def _found(response: Response) -> KnownRobots:
    said = verdict(response.status)
    if said == "unknown":
        return KnownRobots(verdict=said, expires_s=UNKNOWN_S, detail=f"HTTP {response.status}")
    body = response.body if said == "parse" else None
    return KnownRobots(verdict=said, body=body, expires_s=lifetime(response.headers).total_seconds())


def _without_answer(ending: Dropped | Deferred, *, redirected: bool) -> KnownRobots:
    """Return what a robots.txt without an answer means; raises FetchFailed where it means the same for the page."""
    if ending.reason is RetryReason.WAITING:
        raise FetchFailed(replace(ending, hops=()))
    if ending.reason is DropReason.REDIRECT_LOOP:  # "unavailable" (RFC 9309 section 2.3.1.2): as if there were none
        return KnownRobots(verdict="allow", expires_s=MAX_AGE.total_seconds(), detail=ending.detail)
    if redirected or not (isinstance(ending, Dropped) or ending.reason in UNREACHABLE):  # says nothing of the page
        return KnownRobots(verdict="unknown", expires_s=UNKNOWN_S, detail=f"{ending.reason}: {ending.detail}")
    if isinstance(ending, Deferred):
        raise FetchFailed(replace(ending, detail=f"robots.txt: {ending.detail}", hops=()))
    raise FetchFailed(replace(ending, detail=f"robots.txt: {ending.detail}"))


def _begin_gap(host: _Host) -> None:
    """Count the host's spacing from the end of a request: then it holds for whoever measures at the other side."""
    host.opens_at = max(host.opens_at, time.monotonic() + host.gap_s)


def _origin(url: str) -> str:
    """Return the origin of a URL; "" where it has none that could be asked or written down."""
    try:
        of = origin(url)
    except ValueError:
        return ""
    return of if of == storable(of) else ""
