"""Scripted lives of made-up sources: what each answers at any moment, and what must be known of it at the end. Pure.

A moment is in seconds from the start. What must be found follows from the script alone, so nothing in it may depend on
when exactly a poll comes: lists are long enough that nothing scrolls out between two polls (`POLL_MOST`), an article
is edited between two looks at it wherever the polls fall, and nothing is published so late that its last look (or the
last try at its page) would come after the end (`QUIET`).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar

HOUR, DAY = 3_600.0, 86_400.0

#: The settings that the script counts with (`poll_max_s`, `revisit_after_s`), and how late a due poll may come.
POLL_MOST, LOOKS, LATE = 6 * HOUR, (1 * HOUR, 12 * HOUR, 36 * HOUR), 1 * HOUR
#: After publication: past the first look and before the second, past that and before the third, past all of them.
EDITS = (10 * HOUR, 24 * HOUR, 60 * HOUR)
NOTICED = 2
#: Before the end nothing is published any more: the last look comes at most 6.5 + 36 h after it.
QUIET = 2.2 * DAY
#: Twelve tries at a page that fails take at most 2.9 days (`workers/store/backoff.py`).
GIVES_UP = 3.8 * DAY


def _words(text: str) -> list[str]:
    return text.split()


NOUNS = _words(
    "minister border patrol harbour parliament treaty court railway bridge delegation port council bank school river"
    " factory hospital union market station embassy province commission airport archive museum budget pipeline village"
)
VERBS = _words("opened visited praised closed rebuilt questioned inspected financed painted reported")
PLACES = _words("Northfield Eastholm Varna Lindau Portmere Kelso Marburg Trondal Osterby Galway Redford Hollin")


def text_of(name: str) -> list[str]:
    """Return the paragraphs of a text: the same for the same name, and no two with a sentence in common."""
    chance = Random(name)

    def sentence() -> str:
        one, two, three, four = chance.sample(NOUNS, 4)
        did, then = chance.sample(VERBS, 2)
        there = chance.choice(PLACES)
        return (
            f"The {one} of {there} {did} the {two} on the {chance.randint(2, 28)}th, before the {three} and its "
            f"{chance.randint(100, 999_999)} guests {then} the old {four} of {chance.choice(PLACES)}."
        )

    return [" ".join(sentence() for _ in range(2)) for _ in range(3)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server says. `status` 0: it does not answer at all."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One link of a feed. `ends` says what becomes of it."""

    at: float  # when the feed names it
    url: str
    text: str  # the name of its text, before edits
    ends: str = "classified"
    edits: tuple[float, ...] = ()

    def texts(self, at: float) -> str:
        """Return the name of its text at a moment."""
        return f"{self.text} {sum(one <= at for one in self.edits)}"


@dataclass(frozen=True, slots=True)
class Item:
    """A story as a feed names it."""

    url: str
    guid: str
    title: str
    date: str


@dataclass(frozen=True, slots=True)
class Script:
    """What all lives have in common: how long they are, and the seed."""

    seed: int
    days: float
    flood: int = 500

    @property
    def end(self) -> float:
        """The last moment."""
        return self.days * DAY


class Life:
    """A steady source: honest ETags, some stories, the newest twenty in its list."""

    window: ClassVar[int] = 20
    status: ClassVar[frozenset[str]] = frozenset({"ok", "not_modified"})  # how its last poll ends
    bodies: ClassVar[int] = 1  # pages that the looks at one story may store
    silence: ClassVar[float] = 0.0  # share of its life in which nothing can be learned from it, from its turn on

    def __init__(self, number: int, script: Script) -> None:
        self.script = script
        self.number = number
        self.id = f"{type(self).__name__.lower()}-{number:03}"
        self.host = f"{self.id}.example"
        self.chance = Random(f"{script.seed} {self.id}")
        self.turn = script.end * self.chance.uniform(0.3, 0.4)  # when what is special about it happens
        self.stories = sorted(self.write(), key=lambda one: one.at)

    @property
    def url(self) -> str:
        """Where its feed is at first."""
        return f"https://{self.host}/feed"

    @property
    def lives_at(self) -> str:
        """Where its feed is at the end."""
        return self.url

    # --- what must be found --------------------------------------------------------------------

    def endings(self) -> Counter[str]:
        """Return how many of its links end how."""
        return Counter(story.ends for story in self.stories)

    def updates(self) -> int:
        """Return how many later versions readers are told of."""
        return sum(min(len(story.edits), NOTICED) for story in self.stories if story.ends == "classified")

    def published_texts(self) -> Iterator[str]:
        """Yield the name of each text that readers get, once for each version of each article."""
        for story in self.stories:
            if story.ends == "classified":
                yield from (story.texts(at) for at in (story.at, *story.edits[:NOTICED]))

    def pages_stored(self, after: float, before: float) -> int:
        """Return how many pages may have been stored between two moments, at most."""
        earliest = after - POLL_MOST - LOOKS[-1] - 2 * LATE
        named = [self.silent_until if self.is_silent(one.at) else one.at for one in self.stories]
        found = sum(earliest < at <= before for at in named)
        return found * (self.bodies + NOTICED * bool(found and self.stories[0].edits))

    # --- how it lives --------------------------------------------------------------------------

    @property
    def silent_until(self) -> float:
        """When its silence ends."""
        return self.turn + self.silence * self.script.end

    def is_silent(self, at: float) -> bool:
        """Return whether it is silent at a moment."""
        return self.turn <= at < self.silent_until

    def write(self) -> Iterator[Story]:
        """Yield its stories, in any order."""
        for number, at in enumerate(self.moments()):
            yield Story(at=at, url=f"https://{self.host}/news/{number}", text=f"{self.id} {number}")

    def moments(self) -> list[float]:
        """Return when it publishes: two to five times in ten days."""
        last = self.script.end - QUIET
        return [self.chance.uniform(0, last) for _ in range(max(2, round(last / DAY * self.chance.uniform(0.2, 0.5))))]

    def answer(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        """Return what it says to a request at a moment."""
        address, _, _ = url.partition("?")
        if address.endswith("/robots.txt"):
            return Answer(status=404)
        return self.feed(url, at, sent) if address.endswith("/feed") else self.page(address, at)

    def feed(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        """Return its feed, or 304 to whoever knows it."""
        items = self.items(at)
        etag = f'"{Random(repr(items)).getrandbits(64):x}"'
        if sent.get("if-none-match") == etag:
            return Answer(status=304, headers={"etag": etag})
        kind, body = _json_feed(self.id, items) if self.number % 2 else _rss(self.id, items)
        return Answer(status=200, body=body, headers={"content-type": kind, "etag": etag})

    def listed(self, at: float) -> list[Story]:
        """Return the stories in its list, the newest first."""
        return [story for story in self.stories if story.at <= at][-self.window :][::-1]

    def items(self, at: float) -> list[Item]:
        """Return the list as the feed tells it."""
        return [self.item(story, at) for story in self.listed(at)]

    def item(self, story: Story, at: float) -> Item:
        """Return one story as the feed tells it."""
        return Item(story.url, story.url, f"Report {story.text}", "2026-03-01T10:00:00Z")

    def page(self, url: str, at: float) -> Answer:
        """Return a page."""
        story = next((one for one in self.stories if one.url == url), None)
        return Answer(status=404) if story is None else self.print(story, at)

    def print(self, story: Story, at: float) -> Answer:
        """Return the page of a story."""
        return article_page(story, at)


def article_page(story: Story, at: float, furniture: str = "") -> Answer:
    """Return the page of an article as it reads at a moment."""
    text = "".join(f"<p>{one}</p>" for one in text_of(story.texts(at)))
    head = f"<title>Report {story.text}</title>"
    body = f"<h1>Report {story.text}</h1><article>{text}</article><footer>{furniture}</footer>"
    page = f"<html lang='en'><head>{head}</head><body>{body}</body></html>"
    return Answer(status=200, body=page.encode(), headers={"content-type": "text/html; charset=utf-8"})


def _rss(name: str, items: list[Item]) -> tuple[str, bytes]:
    entries = "".join(
        f"<item><title>{one.title}</title><link>{one.url.replace('&', '&amp;')}</link>"
        f"<guid isPermaLink='false'>{one.guid.replace('&', '&amp;')}</guid><pubDate>{one.date}</pubDate></item>"
        for one in items
    )
    feed = f"<?xml version='1.0'?><rss version='2.0'><channel><title>{name}</title>{entries}</channel></rss>"
    return "application/rss+xml", feed.encode()


def _json_feed(name: str, items: list[Item]) -> tuple[str, bytes]:
    entries = [{"id": one.guid, "url": one.url, "title": one.title, "date_published": one.date} for one in items]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": name, "items": entries}
    return "application/feed+json", json.dumps(feed).encode()
