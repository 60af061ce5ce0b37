"""Polling, simulated: made-up feeds over days, polled by the rule of `cadence` and by a fixed clock. Pure and seeded.

What is assumed of the feeds, and why (only the first has a measurement beside it, the others are judgement):

- **Rates**: lognormal, median 12 entries a day, sigma 1.5, cut to 3 a week .. 40 an hour; a mean of 37 a day, a sixth
  of the feeds gives 70 %. A guess for news, quicker and less uneven than feeds of all kinds: 10.8 million entries of
  8,155 feeds in eight months, that is 5.5 a day, 97 % of them from 17 % of the feeds (doi 10.1108/IJWIS-06-2014-0023).
- **Rhythm**: a working day of the feed's time zone (a cosine, from 15 % of the average at night to 185 %),
  weekends 60 %.
- **Bursts**: two stories a week that multiply the rate by 3 to 10 for 1 to 3 hours, up to an entry a minute, which
  no desk exceeds for hours; a sixth of the feeds also publish batches, 10 to 20 entries at once, two a week.
- **Windows**: 10 to 100 entries, but never less than the feed gives in two hours on average: publishers of much make
  long lists, else every reader would lose entries each afternoon.
- **Validators**: 70 % honest, 20 % none, 10 % wrong: the ETag is frozen from the start, or freezes after one to five
  days (in both cases it stays the same while the body changes), or the server begins to answer 304 to anything.
- **Failures**: 15 % of the feeds with right validators are away once to three times, for 10 minutes to 6 hours.
- **ttl**: 15 % ask for 5 to 60 minutes between polls, but for no longer than half of what their list lasts on
  average: who wants readers to come seldom makes a list that waits for them.

Entries arrive in order, and the newest ones make the list; edits and sticky entries are left out. An entry is missed
when it has left the list and no poll saw it. Entries from before the first poll do not count.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random

from workers.poll.cadence import Bounds, Habits, Seen, Wishes, asks_whole, learn, next_wait_s

HOUR, DAY = 3_600.0, 86_400.0
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday; any will do
FIXED_S = 900.0
MOST_AN_HOUR = 60.0

#: The targets: share of entries missed, requests as a share of those of fixed polling, hours until hidden entries show.
MOST_MISSED, MOST_REQUESTS, MOST_HIDDEN_H = 0.01, 0.5, 6.0


class Server(StrEnum):
    """What its validators are worth."""

    HONEST = "honest"
    NONE = "no validators"
    FROZEN = "frozen"  # the same ETag whatever the body, from a moment on
    STUCK = "stuck"  # 304 to whatever is sent, from a moment on


WRONG = frozenset({Server.FROZEN, Server.STUCK})


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """A made-up feed. Moments are seconds from the start."""

    published: list[float]  # in order; the first `window` of them before the start
    window: int
    server: Server = Server.HONEST
    freezes_at: float = 0.0
    away: tuple[tuple[float, float], ...] = ()
    ttl_s: float = 0.0

    def is_away(self, at: float) -> bool:
        """Return whether it fails to answer at this moment."""
        return any(start <= at < stop for start, stop in self.away)

    def lies(self, at: float) -> bool:
        """Return whether its validators have stopped to mean anything."""
        return self.server in WRONG and at >= self.freezes_at

    def etag(self, at: float) -> int | None:
        """Return its ETag: how many entries there were when it was last right."""
        if self.server is Server.NONE:
            return None
        frozen = self.server is Server.FROZEN and self.lies(at)
        return bisect_right(self.published, self.freezes_at if frozen else at)

    def says_304(self, at: float, etag: int) -> bool:
        """Return whether it answers 304 to a request with this ETag."""
        return etag == self.etag(at) or (self.server is Server.STUCK and self.lies(at))


@dataclass(slots=True)
class Tally:
    """What polling one or more feeds came to."""

    requests: int = 0
    bodies: int = 0
    published: int = 0
    missed: int = 0
    missed_behind: int = 0  # of these, those of feeds with wrong validators
    waits_s: list[float] = field(default_factory=list)
    hidden_h: list[float] = field(default_factory=list)  # a feed with wrong validators: the longest it hid an entry

    @property
    def missed_percent(self) -> float:
        """Return the share of entries that no poll saw."""
        return percent(self.missed, self.published)

    @property
    def missed_elsewhere_percent(self) -> float:
        """Return the same without those of feeds with wrong validators."""
        return percent(self.missed - self.missed_behind, self.published)

    @property
    def longest_hidden_h(self) -> float:
        """Return how long a wrong validator hid an entry at most."""
        return max(self.hidden_h, default=0.0)

    def wait_min(self, share: float) -> float:
        """Return the minutes from publication to discovery that `share` of the entries seen did not exceed."""
        waits = sorted(self.waits_s)
        return waits[min(int(share * len(waits)), len(waits) - 1)] / 60 if waits else 0.0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.requests += other.requests
        self.bodies += other.bodies
        self.published += other.published
        self.missed += other.missed
        self.missed_behind += other.missed_behind
        self.waits_s += other.waits_s
        self.hidden_h += other.hidden_h


@dataclass(frozen=True, slots=True)
class Report:
    """Both ways of polling the same feeds."""

    adaptive: Tally
    fixed: Tally

    def lines(self) -> Iterator["Line"]:
        """Yield the figures, those with a target first."""
        ours, theirs = self.adaptive, self.fixed
        yield Line("entries missed (%)", ours.missed_percent, theirs.missed_percent, 100 * MOST_MISSED)
        yield Line("requests (% of fixed)", percent(ours.requests, theirs.requests), 100.0, 100 * MOST_REQUESTS)
        yield Line("hidden by a validator, longest (h)", ours.longest_hidden_h, theirs.longest_hidden_h, MOST_HIDDEN_H)
        yield Line("feeds whose validator hid entries", len(ours.hidden_h), len(theirs.hidden_h))
        yield Line("missed elsewhere (%)", ours.missed_elsewhere_percent, theirs.missed_elsewhere_percent)
        yield Line("whole bodies", ours.bodies, theirs.bodies)
        yield Line("wait for an entry, median (min)", ours.wait_min(0.5), theirs.wait_min(0.5))
        yield Line("wait for an entry, p90 (min)", ours.wait_min(0.9), theirs.wait_min(0.9))


@dataclass(frozen=True, slots=True)
class Line:
    """One figure, beside that of fixed polling."""

    what: str
    adaptive: float
    fixed: float
    most: float | None = None  # the target

    @property
    def holds(self) -> bool:
        """Return whether the target is met."""
        return self.most is None or self.adaptive <= self.most


def percent(part: float, whole: float) -> float:
    """Return a share in percent; 0 of nothing."""
    return 100 * part / whole if whole else 0.0


# --- feeds ------------------------------------------------------------------------------------------------------


def make_feeds(seed: int, *, feeds: int = 200, days: float = 7.0) -> Iterator[Feed]:
    """Yield made-up feeds; the same for the same seed."""
    random = Random(seed)  # noqa: S311
    for _ in range(feeds):
        yield _made(random, days * DAY)


def _made(random: Random, end: float) -> Feed:
    an_hour = min(max(random.lognormvariate(math.log(0.5), 1.5), 3 / 168), 40.0)
    window = max(round(math.exp(random.uniform(math.log(10), math.log(100)))), math.ceil(2 * an_hour))
    server = random.choices(
        [Server.HONEST, Server.NONE, Server.FROZEN, Server.FROZEN, Server.STUCK], [70, 20, 4, 3, 3]
    )[0]
    wrong = server in WRONG
    away = () if wrong or random.random() > 0.15 else tuple(_outage(random, end) for _ in range(random.randint(1, 3)))
    asks = random.choice([300.0, 900.0, 1_800.0, 3_600.0]) if random.random() < 0.15 else 0.0
    return Feed(
        published=[-HOUR] * window + sorted(_moments(random, an_hour, end)),
        window=window,
        server=server,
        freezes_at=random.choice([0.0, random.uniform(1, 5) * DAY]) if wrong else 0.0,
        away=away,
        ttl_s=min(asks, window / an_hour * HOUR / 2),
    )


def _outage(random: Random, end: float) -> tuple[float, float]:
    start = random.uniform(0, end)
    return start, start + math.exp(random.uniform(math.log(600), math.log(6 * HOUR)))


def _moments(random: Random, an_hour: float, end: float) -> Iterator[float]:
    """Yield the moments at which a feed publishes, in no order."""
    zone = random.randrange(24)
    weeks = end / DAY / 7
    bursts = [
        (random.uniform(0, end), random.uniform(1, 3) * HOUR, random.uniform(3, 10)) for _ in _few(random, 2 * weeks)
    ]
    for hour in range(math.ceil(end / HOUR)):
        start = hour * HOUR
        local = START + timedelta(hours=hour + zone)
        rate = (
            an_hour * (1 - 0.85 * math.cos((local.hour - 3) / 24 * math.tau)) * (0.6 if local.weekday() >= 5 else 1.0)
        )
        rate *= max((times for at, lasts, times in bursts if at < start + HOUR and at + lasts > start), default=1.0)
        rate = min(rate, MOST_AN_HOUR)
        at = start + random.expovariate(rate / HOUR)
        while at < min(start + HOUR, end):
            yield at
            at += random.expovariate(rate / HOUR)
    if random.random() < 1 / 6:
        for _ in _few(random, 2 * weeks):
            yield from [random.uniform(0, end)] * random.randint(10, 20)


def _few(random: Random, mean: float) -> range:
    """Return about `mean` turns: its whole part, and one more by chance."""
    return range(int(mean) + (random.random() < mean % 1))


# --- polling ----------------------------------------------------------------------------------------------------

Believes = Callable[[Habits, datetime], bool]
Waits = Callable[[Habits, int, datetime, float], float]


def adaptive_wait_s(habits: Habits, failures: int, now: datetime, jitter: float) -> float:
    """Return the wait that the rule asks for, with the settings' defaults."""
    return next_wait_s(habits, failures=failures, now=now, bounds=Bounds(300, DAY), jitter=jitter)


def fixed_wait_s(habits: Habits, failures: int, now: datetime, jitter: float) -> float:
    """Return the same wait, whatever happens."""
    return FIXED_S


def never_whole(habits: Habits, now: datetime) -> bool:
    """Believe validators for ever, as most readers do."""
    return False


def watch(feed: Feed, *, end: float, random: Random, waits: Waits, whole: Believes) -> Tally:
    """Poll one feed from a moment of the first quarter of an hour until `end`."""
    tally, habits, etag, failures = Tally(), Habits(), None, 0
    at = random.uniform(0, FIXED_S)
    first = last = bisect_right(feed.published, at)  # entries so far; those before `last` are seen or missed
    fresh, hidden_s = True, 0.0
    while at < end:
        now = START + timedelta(seconds=at)
        tally.requests += 1
        failures = failures + 1 if feed.is_away(at) else 0
        if not failures:
            conditional = etag is not None and not whole(habits, now)
            if conditional and etag is not None and feed.says_304(at, etag):
                seen = Seen(at=now, entries=None, conditional=True, not_modified=True)
            else:
                tally.bodies += 1
                count = bisect_right(feed.published, at)
                lost = max(count - feed.window - last, 0)
                tally.missed += lost
                tally.waits_s += [at - one for one in feed.published[last + lost : count]]
                if feed.lies(at) and count > last:
                    hidden_s = max(hidden_s, at - max(feed.published[last], feed.freezes_at))
                new = feed.window if fresh else count - last - lost
                seen = Seen(
                    at=now,
                    entries=feed.window if new else None,
                    new=new,
                    conditional=conditional,
                    same_validators=etag is not None and etag == feed.etag(at),
                    wishes=Wishes(ttl_s=feed.ttl_s),
                )
                etag, last, fresh = feed.etag(at), count, False
            habits = learn(habits, seen)
        at += waits(habits, failures, now, random.random())
    count = bisect_right(feed.published, end)
    tally.missed += max(count - feed.window - last, 0)
    tally.published = count - first
    tally.missed_behind = tally.missed if feed.server in WRONG else 0
    if feed.lies(end) and count > last:  # not found yet
        hidden_s = max(hidden_s, end - max(feed.published[last], feed.freezes_at))
    if hidden_s:
        tally.hidden_h.append(hidden_s / HOUR)
    return tally


def simulate(feeds: Iterable[Feed], *, seed: int, days: float = 7.0, whole: Believes = asks_whole) -> Iterator[Report]:
    """Yield the report so far after each feed, polled by the rule and by the clock; the last is the whole."""
    ours, theirs = Tally(), Tally()
    for number, feed in enumerate(feeds):
        for tally, waits, looks in ((ours, adaptive_wait_s, whole), (theirs, fixed_wait_s, never_whole)):
            random = Random(f"{seed} {number}")  # noqa: S311  (the same first poll for both)
            tally.add(watch(feed, end=days * DAY, random=random, waits=waits, whole=looks))
        yield Report(ours, theirs)
