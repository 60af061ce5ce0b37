"""When a source is asked again, and whether its validators are believed. Pure: what was learned + now -> seconds."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

HOUR_S, DAY_S = 3_600.0, 86_400.0

#: Hours after which what was counted weighs a third: over days for how much a source gives, which holds through a
#: night; over hours for the story that breaks now; a day for its fastest stretch, since busy hours come back daily.
LONG_H, SHORT_H, PEAK_H = 48.0, 2.0, 24.0
#: The first wait is `usual`: as if a source that nobody knows had given one entry in a quarter of an hour.
FIRST_H = 0.25
#: A stretch shorter than this says little of a speed: two entries a minute apart are not 60 an hour.
STRETCH_H = 0.25
#: Of the list, this much may scroll by between two polls at the fastest speed seen lately: half, so that a story that
#: doubles the speed loses nothing.
SAFE_SHARE = 0.5
#: A list without any entry of the one before: more than a whole list may have passed, taken as twice as many.
GAP_FACTOR = 2.0

#: Of the wait; spreads sources that were added together.
JITTER = 0.1
#: Failures in a row. The doubling has reached a day by then: a busy source was away for two days, a quiet one for nine.
PARKED_AFTER = 10

#: A validator is believed this long without a look at the whole body: with `JITTER` it stays under 6 hours, the longest
#: that a frozen ETag may hide entries, at any age of the source. A new one is believed for an hour, then twice as long
#: each time it was right; each lie quarters it: after three, each poll is whole.
TRUST_MOST_S, TRUST_FIRST_S, LIE_FACTOR, MOST_LIES = 5 * HOUR_S, HOUR_S, 4.0, 5
#: Entries that should have come during nothing but 304s before these are doubted, or half a list if that is less: more
#: could not be recovered. By chance (Poisson) e^-8, but a feed gives at night a fraction of its average.
SUSPICIOUS_SILENCE = 8.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: never sooner than `least`, never later than `most`; `usual` for a source that is not known yet.

    `usual` is also what a request is worth: see `_best_wait_s`.
    """

    least: float
    most: float
    usual: float = 900.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What a publisher asks of readers, in the list (`ttl`, `skipHours`, `skipDays`) and in the answer's headers."""

    ttl_s: float = 0.0
    max_age_s: float = 0.0  # Cache-Control: max-age, less Age
    skip_hours: frozenset[int] = frozenset()  # 0..23, UTC
    skip_days: frozenset[int] = frozenset()  # 0 is Monday, UTC


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One poll that answered.

    `entries`: how many the list held; None where there was none to read (a 304, or the very same body). `new`: those
    of them that this source had not given before. `conditional`: validators were sent. `same_validators`: the answer
    has validators, the ones that were kept from before. `wishes`: where there was no list to read, what the last one
    asked for holds on; max-age is of this answer's headers in any case.
    """

    at: datetime
    entries: int | None
    new: int = 0
    conditional: bool = False
    not_modified: bool = False
    same_validators: bool = False
    wishes: Wishes = field(default_factory=Wishes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """What was learned of a source. Counts and hours fade, so that it may change its ways."""

    answered_at: datetime | None = None
    whole_at: datetime | None = None  # its body was looked at, whatever its validators said
    found: float = 1.0  # entries, fading over LONG_H
    watched_h: float = FIRST_H  # hours in which they were found, fading with them
    pace: float = 0.0  # new entries an hour over the last SHORT_H
    peak: float = 0.0  # the fastest stretch, fading over PEAK_H; entries an hour
    window: int = 0  # entries in its list
    gaps: int = 0  # lists that had nothing in common with the one before: entries may have scrolled out unseen
    silence: int = 0  # 304s since the last look at its body
    says_304: bool = False  # it has answered so at least once
    confirmed: int = 0  # times in a row that its validators were right
    lies: int = 0  # times that new entries came under unchanged validators, less the times these changed with them
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def rate(self) -> float:
        """New entries an hour: over days or over hours, whichever is more. Fast to rise, slow to fall."""
        return max(self.found / self.watched_h, self.pace)


# --- learning ---------------------------------------------------------------------------------------------------


def learn(habits: Habits, seen: Seen) -> Habits:
    """Return the habits with what one more answer showed."""
    known = replace(
        habits,
        answered_at=seen.at,
        window=seen.entries or habits.window,
        wishes=seen.wishes if seen.entries is not None else replace(habits.wishes, max_age_s=seen.wishes.max_age_s),
    )
    return _counted(habits, seen, _trusting(habits, seen, known))


def _counted(habits: Habits, seen: Seen, known: Habits) -> Habits:
    """Return `known` with the new entries counted. The first list counts for nothing: it may be of years."""
    hours = _hours(habits.answered_at, seen.at)
    if hours <= 0:
        return known
    # what was behind 304s came at any time since the last look, not since the last poll
    stretch = max(_hours(habits.whole_at, seen.at) if habits.silence else hours, hours)
    speed = seen.new / max(stretch, STRETCH_H)
    gap = habits.window > 0 and 0 < (seen.entries or 0) <= seen.new
    long, short = math.exp(-hours / LONG_H), math.exp(-stretch / SHORT_H)
    return replace(
        known,
        found=habits.found * long + seen.new,
        watched_h=habits.watched_h * long + hours,
        pace=habits.pace * short + speed * (1 - short),
        peak=max(habits.peak * math.exp(-hours / PEAK_H), speed * (GAP_FACTOR if gap else 1)),
        gaps=habits.gaps + gap,
    )


def _trusting(habits: Habits, seen: Seen, known: Habits) -> Habits:
    """Return `known` with what the answer says of the source's validators."""
    if seen.not_modified:  # of several documents, one at least; news in the others is no silence
        return replace(known, says_304=True, silence=0 if seen.new else habits.silence + 1)
    first, known = habits.whole_at is None, replace(known, whole_at=seen.at, silence=0)
    if first or not (seen.new or habits.silence):
        return known
    if not seen.new:  # a look behind 304s that were right
        return replace(known, confirmed=habits.confirmed + 1)
    if seen.same_validators:
        return replace(known, confirmed=0, lies=min(habits.lies + 1, MOST_LIES))
    if habits.silence and not seen.conditional:  # 304s to anything, or an entry of the last minutes: nobody knows
        return replace(known, confirmed=0)
    return replace(known, confirmed=habits.confirmed + 1, lies=max(habits.lies - 1, 0))


def _hours(since: datetime | None, now: datetime) -> float:
    """Return the hours gone by; 0 for a clock that went back."""
    return max((now - since).total_seconds(), 0.0) / HOUR_S if since is not None else 0.0


# --- deciding ---------------------------------------------------------------------------------------------------


def asks_whole(habits: Habits, now: datetime) -> bool:
    """Return whether this poll sends no validators: the last look at the body is too old to believe them."""
    if habits.whole_at is None or now < habits.whole_at:
        return True
    age_s = (now - habits.whole_at).total_seconds()
    expected = habits.rate * age_s / HOUR_S
    most = min(SUSPICIOUS_SILENCE, SAFE_SHARE * habits.window or SUSPICIOUS_SILENCE)
    return age_s >= _trust_s(habits) or (habits.silence > 0 and expected > most)


def is_parked(failures: int, *, gone: bool) -> bool:
    """Return whether a source is only probed once a day, until it answers."""
    return gone or failures >= PARKED_AFTER


def next_wait_s(
    habits: Habits,
    *,
    failures: int,
    gone: bool = False,
    asked_s: float | None = None,
    now: datetime,
    bounds: Bounds,
    jitter: float,
) -> float:
    """Return the wait in seconds until the next poll.

    `failures`: those in a row, with this poll; 0 after an answer. `gone`: it said so (410). `asked_s`: what
    Retry-After asks for; obeyed even beyond `bounds.most`, up to a day. Wishes of the publisher make the wait longer,
    up to `bounds.most`, and past the hours and days that it skips; `jitter` in 0..1 makes it longer by up to a tenth.
    """
    wait = _interval_s(habits, now, bounds, failing=failures > 0)
    if is_parked(failures, gone=gone):
        wait = max(wait, DAY_S)
    elif failures > 0:
        wait = max(wait, min(wait * 2.0 ** (failures - 1), DAY_S))
    wait = max(wait, habits.wishes.ttl_s, habits.wishes.max_age_s) * (1 + JITTER * jitter)
    asked_s = min(asked_s or 0.0, DAY_S)
    return _past_skipped_s(habits.wishes, max(min(wait, bounds.most), asked_s), now, jitter)


def longest_wait_s(bounds: Bounds) -> float:
    """Return the seconds that no wait exceeds: `bounds.most` or a day, and a week of skipped hours and days."""
    return max(bounds.most, DAY_S) + 7 * DAY_S


def _interval_s(habits: Habits, now: datetime, bounds: Bounds, *, failing: bool) -> float:
    """Return the wait that fits what the source does, before wishes and failures."""
    is_known = habits.watched_h > FIRST_H
    wait = _best_wait_s(habits.rate, bounds.usual) if is_known else bounds.usual
    if habits.window and habits.peak:
        wait = min(wait, SAFE_SHARE * habits.window / habits.peak * HOUR_S)
    if habits.says_304 and not failing:  # in time for a look at its body, if this one trusts it most
        wait = min(wait, TRUST_MOST_S - _hours(habits.whole_at, now) * HOUR_S)
    return min(max(wait, bounds.least), bounds.most)


def _best_wait_s(rate: float, worth_s: float) -> float:
    """Return the interval T that costs least, for `rate` new entries an hour.

    With r entries a second, those wait r·T/2 entry-seconds for each second that passes; requests cost c/T, where c is
    what one is worth in entry-seconds. The sum is least where r/2 = c/T², T = √(2c/r). The same c for all sources
    also gives the least waiting that any split of the same number of requests can give: minimise Σ rᵢ·Tᵢ/2 subject to
    Σ 1/Tᵢ = B, and c is the multiplier. So T goes with 1/√r: four times the entries, twice the polls.
    """
    return math.sqrt(2 * worth_s * HOUR_S / rate) if rate > 0 else math.inf


def _trust_s(habits: Habits) -> float:
    """Return how long the validators are believed without a look at the body."""
    return min(TRUST_FIRST_S * 2.0 ** min(habits.confirmed, 10), TRUST_MOST_S) / LIE_FACTOR**habits.lies


def _past_skipped_s(wishes: Wishes, wait_s: float, now: datetime, jitter: float) -> float:
    """Return the wait until the first moment from `wait_s` on that is in no skipped hour or day.

    All hours or all days skipped would mean never: taken for a mistake, and ignored.
    """
    hours, days = wishes.skip_hours & set(range(24)), wishes.skip_days & set(range(7))
    hours, days = hours if len(hours) < 24 else frozenset(), days if len(days) < 7 else frozenset()
    at = (now + timedelta(seconds=wait_s)).astimezone(UTC)
    moved = at
    while moved.hour in hours or moved.weekday() in days:
        moved = moved.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    # not all of them at the stroke of the hour
    return wait_s if moved == at else (moved - now).total_seconds() + JITTER * jitter * HOUR_S


# --- keeping ----------------------------------------------------------------------------------------------------


def to_json(habits: Habits) -> dict[str, Any]:
    """Return the habits as JSON values."""
    found = asdict(habits)
    for name in ("answered_at", "whole_at"):
        found[name] = found[name].isoformat() if found[name] else None
    for name in ("skip_hours", "skip_days"):
        found["wishes"][name] = sorted(found["wishes"][name])
    return found


def from_json(kept: Mapping[str, Any]) -> Habits:
    """Return the habits that were kept; what is missing or makes no sense is as for a source that nobody knows."""
    new, asked = Habits(), kept.get("wishes")
    asked = asked if isinstance(asked, Mapping) else {}
    return Habits(
        answered_at=_moment(kept.get("answered_at")),
        whole_at=_moment(kept.get("whole_at")),
        found=_number(kept.get("found"), new.found),
        watched_h=max(_number(kept.get("watched_h"), new.watched_h), FIRST_H),
        pace=_number(kept.get("pace")),
        peak=_number(kept.get("peak")),
        window=int(_number(kept.get("window"))),
        gaps=int(_number(kept.get("gaps"))),
        silence=int(_number(kept.get("silence"))),
        says_304=kept.get("says_304") is True,
        confirmed=int(_number(kept.get("confirmed"))),
        lies=min(int(_number(kept.get("lies"))), MOST_LIES),
        wishes=Wishes(
            ttl_s=_number(asked.get("ttl_s")),
            max_age_s=_number(asked.get("max_age_s")),
            skip_hours=_numbers(asked.get("skip_hours")),
            skip_days=_numbers(asked.get("skip_days")),
        ),
    )


def _number(value: Any, default: float = 0.0) -> float:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and 0 <= value < 1e15 else default


def _numbers(value: Any) -> frozenset[int]:
    return frozenset(one for one in value if isinstance(one, int)) if isinstance(value, list) else frozenset()


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None
