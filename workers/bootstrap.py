"""The composition root: settings in, the steps of the path with their real edges out."""

import asyncio
import functools
import hashlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from config.settings import Settings, load_settings
from workers.addresses import database_url, is_loopback, located_stream, redis_url
from workers.domain.errors import ConfigError, StartError
from workers.domain.intake import NO_EVICTION, Decision, Intake, Room, decide, may_evict
from workers.domain.outcomes import Advanced, Failed, Outcome, QuarantineReason, State, Unchanged
from workers.domain.values import Article, Entry, Page
from workers.packs import WatchedTopics, check_apart, files_mark, folder_mark, topic_json, watched_classifier
from workers.pipeline import Stage
from workers.telemetry import event

# Below, imports stand where they are needed: each service loads its own rooms and no others, which is half of the
# memory of the whole system.
if TYPE_CHECKING:
    import redis
    from sqlalchemy import Engine

    from workers.deliver.api.app import Api
    from workers.deliver.stream import ChangeStream
    from workers.deliver.webhooks.stage import Pusher
    from workers.extract.contained import Contained
    from workers.fetch.http import HttpClient
    from workers.fetch.polite import Hosts, Outside, Robots
    from workers.fetch.post import HttpPoster
    from workers.poll.cadence import Bounds
    from workers.store.ahead import Furthest
    from workers.store.ledger import Due, Ledger, Settled
    from workers.store.sources import SourceLedger

T = TypeVar("T")

#: Tells the next step's workers of entries that went on.
HandOn = Callable[[list[UUID]], None]

#: Messages that one sweep sends to one queue: a thousand ids every few seconds keep any number of workers busy.
MOST_MESSAGES = 50

VERSION = version("wirewatch")


class Steps:
    """The path's steps over real edges. One per process; each edge is made when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._seen: dict[str, str] = {}  # marks of the files that this process has looked at
        self._looked: float | None = None  # when this process last looked for due sources, of the monotonic clock
        self._paused: str | None = None  # why intake is paused, as this process has told it; "": it is open

    # --- edges ---------------------------------------------------------------------------------

    @functools.cached_property
    def engine(self) -> "Engine":
        """The database."""
        from workers.store.engine import make_engine

        return make_engine(database_url(self.settings), role="worker")

    @functools.cached_property
    def ledger(self) -> "Ledger":
        """The ledger of entries."""
        from workers.store.ledger import Ledger

        return Ledger(
            self.engine,
            lease_s=self.settings.lease_s,
            hint_lag_s=self.settings.hint_lag_s,
            revisit_after=self.settings.revisit_after_s,
            per_host=self.settings.per_host,
            ahead_s=self.settings.session_s,
        )

    @functools.cached_property
    def sources(self) -> "SourceLedger":
        """The ledger of sources."""
        from workers.store.sources import SourceLedger

        return SourceLedger(
            self.engine,
            lease_s=self.settings.lease_s,
            hint_lag_s=self.settings.hint_lag_s,
            per_host=self.settings.per_host,
            ahead_s=self.settings.session_s,
        )

    @functools.cached_property
    def broker(self) -> "redis.Redis":
        """Redis, as the broker."""
        from workers.deliver.stream import connect

        if self.settings.broker_url is None:
            raise StartError("WIREWATCH_BROKER_URL is not set: start the whole system with `wirewatch run`")
        return connect(redis_url(self.settings.broker_url.get_secret_value()))

    @functools.cached_property
    def stream(self) -> "ChangeStream":
        """The Redis stream."""
        from workers.deliver.stream import ChangeStream, connect

        address = located_stream(self.settings)
        if address is None:
            raise StartError("WIREWATCH_STREAM_URL is not set: start the whole system with `wirewatch run`")
        return ChangeStream(connect(redis_url(address)), length=self.settings.stream_length)

    @functools.cached_property
    def loop(self) -> asyncio.Runner:
        """The event loop that the HTTP client's connections belong to."""
        return asyncio.Runner()

    @functools.cached_property
    def outside(self) -> "Outside":
        """The one way out, with manners that every worker keeps."""
        from workers.store.hosts import HostBook
        from workers.store.robots import RobotsBook

        session_s = self.settings.session_s
        return polite(
            self.settings,
            HostBook(self.engine, lease_s=self.settings.lease_s, ahead_s=session_s),
            RobotsBook(self.engine),
        )

    # --- the path ------------------------------------------------------------------------------

    def poll(self, ids: Iterable[str], hand_on: HandOn) -> None:
        """Poll sources; hand on entries that may be fetched at once, as soon as a source has given them."""
        from workers.poll.stage import poll_sources

        if self.is_paused():
            return
        polled = self._await(
            poll_sources(
                ids,
                sources=self.sources,
                open_session=self.outside.session,
                bounds=self._bounds,
                clock=utc_now,
                hand_on=hand_on,
            )
        )
        event("step_done", stage="poll", new=polled.new, outcomes=dict(polled.counts))

    def fetch(self, ids: Iterable[UUID], hand_on: HandOn) -> None:
        """Fetch pages; hand on entries as soon as they have theirs."""
        from workers.fetch.stage import fetch_entries

        if self.is_paused():
            return
        self._done(
            "fetch",
            self._await(fetch_entries(ids, ledger=self.ledger, open_session=self.outside.session, hand_on=hand_on)),
        )

    def extract(self, ids: Iterable[UUID]) -> list[UUID]:
        """Extract clean text; return entries that have theirs."""
        from workers.store.articles import published_of, write_articles
        from workers.store.batch import run_batch
        from workers.store.pages import pages_of

        contained().start()  # before the claim: it may fail
        claim = self.ledger.claim(ids, State.FETCHED)
        with self.ledger.blameless(claim):
            given = pages_of(self.engine, claim)
            published = published_of(self.engine, claim)

        def step(entry: Entry, page: Page | None) -> Outcome[Article]:
            return extract_page(entry, page, published.get(entry.id))

        settled = run_batch(
            self.ledger,
            claim,
            given,
            step,
            to=State.EXTRACTED,
            write=write_articles,
            budget_s=self.settings.batch_budget_s,
        )
        return self._done("extract", settled)

    def classify(self, ids: Iterable[UUID]) -> list[UUID]:
        """Flag topics, relate to earlier articles; return entries that are classified now."""
        from workers.relate.fingerprint import fingerprint
        from workers.store.articles import Classified, articles_of, write_classified
        from workers.store.batch import run_batch

        classifier = watched_classifier(self.settings.topics_dir).current()  # before the claim: it may fail
        claim = self.ledger.claim(ids, State.EXTRACTED)
        with self.ledger.blameless(claim):
            given = articles_of(self.engine, claim)

        def step(_entry: Entry, article: Article) -> Outcome[Classified]:
            flags = classifier.classify(article.title, article.text, article.language)
            return Advanced(Classified(article, fingerprint(article.title, article.text), flags))

        settled = run_batch(
            self.ledger,
            claim,
            given,
            step,
            to=State.CLASSIFIED,
            write=write_classified,
            budget_s=self.settings.batch_budget_s,
        )
        return self._done("classify", settled)

    def relay(self) -> int:
        """Number changes and hand them on; return how many were numbered."""
        from workers.deliver.stage import relay_changes

        return relay_changes(self.engine, self.stream)

    # --- beside the path -----------------------------------------------------------------------

    def due(self, stage: Stage) -> "list[Due]":
        """Return what is due at a stage, as much as its queue has room for."""
        limit = self.room(stage) * self.settings.batch_size
        if not limit:
            return []
        if stage.takes is None:
            return self._due_sources(limit)
        if stage.takes is State.DISCOVERED:
            self.ledger.begin_revisits(limit)
        return self.ledger.due(stage.takes, limit)

    def _due_sources(self, limit: int) -> "list[Due]":
        from workers.store.sources import MISSED_S

        now = monotonic()
        if self._looked is None or now - self._looked > MISSED_S:
            event("polls_spread", count=self.sources.spread_missed())
        found = self.sources.due(limit)
        self._looked = now
        return found

    def room(self, stage: Stage) -> int:
        """Return how many more messages a queue may take, so that a backlog stays in the store and not in Redis."""
        waiting = int(self.broker.llen(f"wirewatch:{stage.name}"))
        return max(0, min(self.settings.max_queue - waiting, MOST_MESSAGES))

    def pull_in(self) -> None:
        """Bring back due times and holds that lie further ahead than any rule puts them: the clock was set back."""
        from workers.store.ahead import pull_in

        if moved := pull_in(self.engine, self._furthest()):
            event("clock_went_back", level="warning", rows=moved)

    def _furthest(self) -> "Furthest":
        from workers.poll.cadence import longest_wait_s
        from workers.store.ahead import Furthest

        return Furthest(
            held=max(self.settings.lease_s, self.settings.hint_lag_s),
            polled=longest_wait_s(self._bounds),
            looked_at=max(self.settings.revisit_after_s, default=0),
        )

    @property
    def _bounds(self) -> "Bounds":
        from workers.poll.cadence import Bounds

        return Bounds(self.settings.poll_min_s, self.settings.poll_max_s, self.settings.poll_interval_s)

    def look_for_room(self) -> Intake:
        """Measure, decide what may be begun, let every process know, and tell when that changes."""
        from workers.store.room import note_pause, noted_pause

        disk = f"{gethostname()}:{self.settings.data_dir.absolute()}"
        if self._paused is None:
            self._paused = noted_pause(self.engine, disk)
        found = intake_of(self.settings, self._room(), paused=bool(self._paused))
        if found.why and found.why != self._paused:
            event("intake_paused", level="warning", why=found.why)
        elif self._paused and not found.why:
            event("intake_resumed", why=self._paused)
        self._paused = found.why
        if found.intake is not Intake.STOPPED:  # else nothing can be noted, and everybody sees it for himself
            note_pause(self.engine, disk, found.why)
        return found.intake

    def _room(self) -> Room:
        from workers.operate.room import AWAY, RedisRoom, redis_room
        from workers.store.room import has_room, takes_writes

        try:
            servers = [redis_room(one) for one in (self.broker, self.stream.client)]
        except AWAY:
            servers = [RedisRoom()]  # it takes no hints either; what it says of its room it says when it is back
        return replace(
            measured_disk(self.settings),
            redis_free=min(one.free for one in servers),
            redis_policy=next((one.policy for one in servers if may_evict(one.policy)), NO_EVICTION),
            database_writes=takes_writes(self.engine),
            database_has_room=has_room(self.engine),
        )

    def is_paused(self) -> bool:
        """Return whether nothing is to be taken in: as the sweep has noted, or the database does not take it."""
        from workers.store.room import why_paused

        with self.engine.connect() as connection:
            return why_paused(connection) is not None

    def excuse_outage(self) -> None:
        """Give back what was held while nobody swept: Redis, the store or everything was away, and no page to blame."""
        from workers.store.sources import MISSED_S
        from workers.store.ticks import seconds_since

        away_s = seconds_since(self.engine, "sweep") or 0.0
        if away_s > MISSED_S and (count := self.ledger.excuse(away_s)):
            event("leases_excused", level="warning", count=count, away_s=round(away_s))

    def take_up_files(self) -> None:
        """Make changed files take effect; one with errors is refused, and what was in force stays so."""
        self.take_up_sources()
        own = files_mark((self.settings.model,)) if self.settings.model else ()
        self._take_up("topics", str(folder_mark(self.settings.topics_dir) + own), self._check_topics)

    def take_up_sources(self) -> None:
        """Do so for the sources alone: a look at the topics makes a classifier, of which 24 MB stay in the process."""
        self._take_up("sources", file_mark(self.settings.sources_file), self._sync_sources)

    def _take_up(self, what: str, mark: str, use: "Callable[[str], dict[str, Any]]") -> None:
        from workers.store.notes import write_note

        if self._seen.get(what) == mark:
            return
        try:
            facts = use(mark)
        except ConfigError as error:
            event(f"{what}_refused", level="error", problems=str(error))
            write_note(self.engine, f"{what}_refused", str(error))
        else:
            event(f"{what}_taken_up", **facts)
            write_note(self.engine, f"{what}_refused", "")
        self._seen[what] = mark  # only now: a store that went away meanwhile is asked again

    def _sync_sources(self, mark: str) -> dict[str, Any]:
        from config.sources import load_sources

        watched = [spec.to_domain() for spec in load_sources(self.settings.sources_file) if spec.enabled]
        if mark != self.sources.mark():
            self.sources.sync(watched, mark=mark)
        return {"watched": len(watched)}

    def _check_topics(self, _mark: str) -> dict[str, Any]:
        from config.topics import load_topics
        from workers.classify.probability.model import model_at

        packs, model = load_topics(self.settings.topics_dir), model_at(self.settings.model)
        check_apart(self.settings.topics_dir, self.settings.model)  # what a worker cannot use is refused here
        return {"packs": len(packs)} | ({"model": model.version} if self.settings.model else {})

    def record_tick(self, name: str) -> None:
        """Note that a tick ran."""
        from workers.store.overview import record_tick

        record_tick(self.engine, name)

    def upkeep(self) -> None:
        """Forget what is old; learn what repeats on pages; check the promises and say which do not hold."""
        from workers.extract.repeats import learn_repeats
        from workers.store.ahead import AGES, pull_in
        from workers.store.hosts import forget_idle_hosts
        from workers.store.overview import broken_invariants
        from workers.store.pages import forget_old_pages
        from workers.store.repeats import relearn_repeats
        from workers.store.robots import RobotsBook

        self.record_tick("upkeep")
        pull_in(self.engine, self._furthest(), AGES)
        event("pages_forgotten", count=forget_old_pages(self.engine, days=self.settings.page_retention_days))
        event("robots_forgotten", count=RobotsBook(self.engine).forget_old())
        event("hosts_forgotten", count=forget_idle_hosts(self.engine))
        event("repeats_learned", sources=relearn_repeats(self.engine, learn_repeats))
        for promise, rows in broken_invariants(self.engine).items():
            event("invariant_broken", level="error", promise=promise, rows=rows)

    def close(self) -> None:
        """Give back the database connections of a short-lived user."""
        self.engine.dispose()

    # --- helpers -------------------------------------------------------------------------------

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def _done(self, stage: str, settled: "Settled[Any]") -> list[UUID]:
        if settled.counts:
            event(
                "step_done", stage=stage, outcomes=dict(settled.counts), entries=[str(one) for one in settled.advanced]
            )
        return settled.advanced


def extract_page(entry: Entry, page: Page | None, published: Article | None = None) -> Outcome[Article]:
    """Extract clean text from a stored page, contained; without its page an entry is for a person to look at.

    Text that readers have already is no new version, however much of the page around it changed.
    """
    from workers.extract.repeats import without_repeats
    from workers.store.articles import is_new_version

    if page is None:
        return Failed(QuarantineReason.BUG, "the stored page is missing")
    outcome = contained().extract(entry, page)
    if published is not None and isinstance(outcome, Advanced):
        # what was learned to be furniture since then, or forgotten, is no edit of the outlet's
        blocks = entry.repeated.union(published.removed)
        made, known = (replace(one, text=without_repeats(one.text, blocks)[0]) for one in (outcome.value, published))
        if not is_new_version(made, known):
            return Unchanged("same text")
    return outcome


@functools.cache
def contained() -> "Contained":
    """Return this process's reader of pages: what a page does, it does to a helper of ours (one in each process)."""
    from workers.extract.contained import Contained

    return Contained()


def polite(settings: Settings, hosts: "Hosts", robots: "Robots") -> "Outside":
    """Return the one way out with manners; `hosts` and `robots` say with whom they are shared."""
    from workers.fetch.polite import Outside

    return Outside(
        http_client(settings),
        hosts,
        robots,
        delay_s=settings.host_delay_s,
        budget_s=settings.session_s,
        deadline_s=settings.fetch_deadline_s,
        clock=utc_now,
    )


def http_client(settings: Settings) -> "HttpClient":
    """Return the one way out, as the settings bound it."""
    from workers.fetch.http import HttpClient

    return HttpClient(
        user_agent=settings.user_agent,
        deadline_s=settings.fetch_deadline_s,
        max_bytes=settings.fetch_max_bytes,
        max_redirects=settings.fetch_max_redirects,
        allowed=settings.allow_addresses,
        ports=settings.fetch_ports,
        clock=utc_now,
    )


def make_pusher(settings: Settings) -> "tuple[Pusher, HttpPoster]":
    """Return what pushes changes to subscribers, over a pool of its own, and the way out that it takes."""
    from workers.deliver.webhooks.stage import DEADLINE_S, MOST_AT_ONCE, THREADS, Pusher
    from workers.fetch.post import HttpPoster
    from workers.store.engine import make_engine
    from workers.store.webhooks import WebhookBook

    post = HttpPoster(
        user_agent=settings.user_agent,
        deadline_s=DEADLINE_S,
        allowed=settings.allow_addresses,
        ports=settings.fetch_ports,
        clock=utc_now,
        connections=MOST_AT_ONCE,
    )
    engine = make_engine(database_url(settings), role="push", pool_size=THREADS, is_for_readers=True)
    return Pusher(book=WebhookBook(engine), post=post, clock=utc_now), post


def measured_disk(settings: Settings) -> Room:
    """Return how much room there is on the disk under `data_dir`; of all else, nothing is held against it."""
    from workers.operate.disk import disk_free

    return Room(disk_free=disk_free(settings.data_dir))


def intake_of(settings: Settings, room: Room, *, paused: bool = False) -> Decision:
    """Return what may be begun with so much room: the one rule, with the one set of limits, for whoever measures."""
    return decide(room, least_disk=settings.min_free_disk, least_redis=settings.min_free_redis, paused=paused)


def utc_now() -> datetime:
    """Read the clock: the one place where the rooms' `now` comes from."""
    return datetime.now(UTC)  # noqa: TID251  (this is where everybody's `now` comes from)


def file_mark(path: Path) -> str:
    """Return a mark that changes with the file's content; "" when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


_steps: Steps | None = None


def steps() -> Steps:
    """Return this process's steps."""
    global _steps  # noqa: PLW0603  (one per process: connections and models are expensive)
    if _steps is None:
        _steps = Steps(load_settings())
    return _steps


def before_fork() -> None:
    """Bring what children will inherit up to date, so that a new child does not go back to packs of last week."""
    if watched_classifier.cache_info().currsize:
        watched_classifier(steps().settings.topics_dir).current()


def forget_steps() -> None:
    """Start afresh after a fork; the parent's connections stay the parent's."""
    global _steps  # noqa: PLW0603
    _steps = None


def make_http_api(settings: Settings) -> "Api":
    """Return the HTTP API over its own small pool; a reader's statement ends after 5 s, so none slows the intake."""
    from workers.deliver.api.app import make_api
    from workers.store.engine import make_engine

    engine = make_engine(database_url(settings), role="api", statement_timeout_s=5, pool_size=5, is_for_readers=True)
    topics = WatchedTopics(settings.topics_dir, lambda packs: [topic_json(pack) for pack in packs])
    return make_api(
        engine,
        topics.current,
        VERSION,
        open_without_keys=is_loopback(settings.api_host),
        rate=settings.api_rate,
        silent_s=settings.beat_silence_s,
        own_disk=lambda: intake_of(settings, measured_disk(settings)).why,
    )


def check_keys(settings: Settings) -> None:
    """Return when the API may listen where it is told to. Raises StartError, with what to do, when it may not."""
    from workers.store.engine import make_engine
    from workers.store.keys import any_key

    if is_loopback(settings.api_host):
        return
    engine = make_engine(database_url(settings), role="api", pool_size=1)
    with engine.connect() as connection:
        has_keys = any_key(connection)
    engine.dispose()
    if not has_keys:
        raise StartError(
            f"WIREWATCH_API_HOST: the API would be open to whoever reaches {settings.api_host}: make a key first with "
            "`wirewatch keys create NAME` (an embedded store runs with `wirewatch run` on 127.0.0.1)"
        )
