"""When a feed asks to be left alone: `ttl`, `skipHours` and `skipDays` of RSS. Pure.

Read from the text, since feedparser gives neither hours nor days. RSS 2.0 (rssboard.org/rss-specification): ttl in
minutes, hours 0 to 23 in GMT; RSS 0.91 wrote 1 to 24, where 24 is midnight.
"""

import re
from dataclasses import dataclass

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Characters in which the longest honest list (24 hours, or 7 days) has room several times over.
LONGEST = 2_000
#: Minutes in a year: more is a mistake.
MOST_TTL = 366 * 24 * 60

TTL = re.compile(r"<ttl\s*>\s*(\d{1,6})\s*</ttl", re.IGNORECASE)
HOUR = re.compile(r"<hour\s*>\s*(\d{1,2})\s*</hour", re.IGNORECASE)
DAY = re.compile(r"<day\s*>\s*([a-z]{6,9})\s*</day", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedWishes:
    """When a feed asks not to be read."""

    ttl_s: int | None = None
    skip_hours: frozenset[int] = frozenset()  # 0..23, UTC
    skip_days: frozenset[int] = frozenset()  # 0 is Monday


def wishes(text: str) -> FeedWishes:
    """Return the wishes of an RSS document. All hours, or all days, is no wish: nobody publishes a feed for that."""
    minutes = int(found[1]) if (found := TTL.search(text)) else 0
    hours = {int(hour) % 24 for hour in HOUR.findall(_inside(text, "skipHours")) if int(hour) <= 24}
    named = {day.lower() for day in DAY.findall(_inside(text, "skipDays"))}
    days = {number for number, day in enumerate(DAYS) if day in named}
    return FeedWishes(
        ttl_s=minutes * 60 if 0 < minutes <= MOST_TTL else None,
        skip_hours=frozenset(hours if len(hours) < 24 else ()),
        skip_days=frozenset(days if len(days) < 7 else ()),
    )


def _inside(text: str, name: str) -> str:
    """Return what stands in the first element of that name, up to `LONGEST` characters."""
    start = re.search(rf"<{name}\s*>", text, re.IGNORECASE)
    if start is None:
        return ""
    part = text[start.end() : start.end() + LONGEST]
    end = re.search(rf"</{name}", part, re.IGNORECASE)
    return part[: end.start()] if end else part
