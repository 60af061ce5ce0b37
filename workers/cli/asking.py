"""Asking sources by hand (edge): each request with the manners of the system, and nothing is stored."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from config.settings import Settings
from workers.bootstrap import http_client, utc_now
from workers.domain.outcomes import FeedOutcome, Outcome, RetryReason
from workers.domain.ports import FetchFailed, Response, Session
from workers.domain.values import Entry, Page, Source
from workers.fetch.polite import Alone, Outside
from workers.fetch.robots import origin
from workers.fetch.stage import fetch_page
from workers.poll.documents.discover import HomePage, discover
from workers.poll.documents.parsed import ParsedFeed, joined
from workers.poll.documents.read import read_source
from workers.poll.stage import ACCEPT

#: Between two requests to a host while a person waits: less than the system's own, for a few requests once.
PAUSE_S = 1.0
#: No request begins later than this.
PATIENCE_S = 180.0
#: Addresses that are tried of those which the page itself names; pages with more are directories of feeds.
MOST_NAMED = 12
#: Older than every entry: those without a date come last, in the order of their list.
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
#: What is tried only while nothing better was found.
GUESSED = ("well-known", "robots")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one source answered."""

    source: Source  # its url is where permanent redirects led
    outcome: FeedOutcome | RetryReason
    detail: str = ""
    feed: ParsedFeed | None = None
    response: Response | None = None

    @property
    def is_document(self) -> bool:
        """It is what a source can be, even if nothing is in it now."""
        return self.outcome in {FeedOutcome.OK, FeedOutcome.EMPTY, FeedOutcome.CUT_OFF} and self.feed is not None

    @property
    def entries(self) -> int:
        """How many entries would be taken."""
        return len(self.feed.entries) if self.feed else 0

    @property
    def newest(self) -> datetime | None:
        """The date of its newest entry."""
        entries = self.feed.entries if self.feed else ()
        return max((date for one in entries if (date := one.published or one.updated)), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What an address led to: itself, or the feeds of the site whose page it is."""

    looks: tuple[Look, ...]
    page: HomePage = HomePage()  # noqa: RUF009  (frozen)


@asynccontextmanager
async def asker(settings: Settings) -> AsyncIterator["Asker"]:
    """Open the way out for one command."""
    client = http_client(settings)
    alone = Alone()
    delay_s = min(settings.host_delay_s, PAUSE_S)
    outside = Outside(client, alone, alone, delay_s=delay_s, budget_s=PATIENCE_S, deadline_s=PATIENCE_S, clock=utc_now)
    try:
        async with outside.session([]) as session:
            yield Asker(outside, session)
    finally:
        await client.close()


class Asker:
    """Asks within one session."""

    def __init__(self, outside: Outside, session: Session) -> None:
        self._outside = outside
        self.session = session

    async def look(self, source: Source) -> Look:
        """Ask a source once; of a sitemap index, the children that would be read too."""
        answer = await self._get(source, source.url)
        return answer if isinstance(answer, Look) else await self._understood(source, answer)

    async def guess(self, source: Source) -> Look:
        """Ask an address of which nobody knows whether it is a feed or a sitemap."""
        look = await self.look(replace(source, kind="feed"))
        if look.outcome is not FeedOutcome.NOT_A_FEED or look.response is None:
            return look
        other = replace(source, kind="sitemap")
        is_neither = _read(other, look.response).outcome is FeedOutcome.NOT_A_FEED
        return look if is_neither else await self._understood(other, look.response)

    async def pages(self, look: Look, most: int) -> list[tuple[Entry, Outcome[Page]]]:
        """Fetch the pages of a source's newest entries, as the system would for the first time."""
        entries = look.feed.entries if look.feed else ()
        newest = sorted(entries, key=lambda one: one.published or one.updated or _EARLIEST, reverse=True)[:most]
        asked = [
            Entry(id=uuid4(), source=look.source, url=one.url, feed=one, discovered_at=utc_now(), attempt=1)
            for one in newest
        ]
        return [(one, await fetch_page(one, self.session)) for one in asked]

    async def _get(self, source: Source, url: str) -> Response | Look:
        try:
            return await self.session.get(url, headers={"accept": ACCEPT}, robots=source.obeys_robots)
        except FetchFailed as failure:
            reason = failure.ending.reason
            outcome = RetryReason.WAITING if reason is RetryReason.WAITING else FeedOutcome(reason.value)
            return Look(source=source, outcome=outcome, detail=failure.ending.detail)

    async def _understood(self, source: Source, response: Response) -> Look:
        feed = _read(source, response)
        if feed.more:
            answers = [await self._get(source, url) for url in feed.more]
            feed = joined(feed, [_read(source, one) for one in answers if isinstance(one, Response)])
        moved = response.url if response.hops and all(hop.is_permanent for hop in response.hops) else source.url
        there = replace(source, url=moved)
        return Look(source=there, outcome=feed.outcome, detail=feed.detail, feed=feed, response=response)

    async def explore(self, source: Source) -> Found:
        """Ask an address; where it is a page, try what may be the site's feeds one after another.

        What the page names is all tried (up to `MOST_NAMED`), well-known paths and sitemaps only until one is good.
        """
        first = await self.guess(source)
        if first.outcome is not FeedOutcome.NOT_A_FEED or first.response is None:
            return Found(looks=(first,))
        answer = first.response
        rules = self._outside.rules(origin(answer.url))
        page = discover(
            answer.body,
            url=answer.url,
            content_type=answer.headers.get("content-type", ""),
            sitemaps=rules.sitemaps if rules is not None else (),
        )
        looks: list[Look] = []
        named = [one for one in page.candidates if one.found not in GUESSED][:MOST_NAMED]
        for one in [*named, *(one for one in page.candidates if one.found in GUESSED)]:
            if one.found in GUESSED and any(look.entries for look in looks):
                break
            looks.append(await self.guess(replace(source, url=one.url)))
        return Found(looks=tuple(_distinct(looks)), page=page)


def _read(source: Source, response: Response) -> ParsedFeed:
    media = response.headers.get("content-type", "")
    return read_source(source, response.body, url=response.url, content_type=media, now=response.fetched_at)


def _distinct(looks: Iterable[Look]) -> Iterable[Look]:
    """Leave out addresses that led to the same document as an earlier one."""
    seen = set()
    for look in looks:
        at = look.response.url if look.response is not None else look.source.url
        if at not in seen:
            seen.add(at)
            yield look
