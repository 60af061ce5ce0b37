"""The kinds of lives that sources lead, and a cast of them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tests.life.script import (
    DAY,
    EDITS,
    GIVES_UP,
    HOUR,
    LATE,
    POLL_MOST,
    Answer,
    Item,
    Life,
    Script,
    Story,
    article_page,
)


class Steady(Life):
    """Nothing ever happens to it."""


class Bare(Life):
    """Sends no validators: its list is the same, or is not."""

    def feed(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        answer = super().feed(url, at, {})
        return replace(answer, headers={"content-type": answer.headers["content-type"]})


class Moving(Life):
    """Moves by a 301; ten days later nobody forwards any more."""

    @property
    def lives_at(self) -> str:
        return f"https://new.{self.host}/feed"

    def feed(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        if url == self.lives_at:
            return super().feed(url, at, sent) if at >= self.turn else Answer(status=404)
        if at < self.turn:
            return super().feed(url, at, sent)
        forwards = at < self.turn + 10 * DAY
        return Answer(status=301, headers={"location": self.lives_at}) if forwards else Answer(status=410)


class Dying(Life):
    """Says 410 one day, and for ever."""

    status = frozenset({"gone"})

    def moments(self) -> list[float]:
        return [at for at in super().moments() if at < self.turn - POLL_MOST - LATE]

    def feed(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        return super().feed(url, at, sent) if at < self.turn else Answer(status=410)


class Returning(Life):
    """Is not reachable for a fifth of its life, feed and pages; meanwhile it writes on."""

    silence = 0.2

    def moments(self) -> list[float]:  # what is found just before has no page any more
        found = super().moments()
        return [at for at in found if not self.turn - POLL_MOST - LATE <= at < self.turn]

    def answer(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        return Answer(status=0) if self.is_silent(at) else super().answer(url, at, sent)


class Throttled(Life):
    """Says for a tenth of its life that it is asked too often, and when to come again."""

    silence = 0.1

    def feed(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        if self.is_silent(at):
            return Answer(status=429, headers={"retry-after": "7200"})
        return super().feed(url, at, sent)


class Flooding(Life):
    """Brings a flood of articles in one hour."""

    window = 600

    def moments(self) -> list[float]:
        return [*super().moments(), *(self.turn + self.chance.uniform(0, HOUR) for _ in range(self.script.flood))]


class Editing(Life):
    """Edits each of its articles three times, the last time when nobody looks any more."""

    def write(self) -> Iterator[Story]:
        for story in super().write():
            yield replace(story, edits=tuple(story.at + after for after in EDITS))


class Restless(Life):
    """Its pages change every hour, its texts never."""

    bodies = 4

    def print(self, story: Story, at: float) -> Answer:
        return article_page(story, at, furniture=f"Most read in hour {at // HOUR:.0f}")


class Lying(Life):
    """Its feed lies about dates, each time in another way."""

    def item(self, story: Story, at: float) -> Item:
        dates = ("2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00")
        return replace(super().item(story, at), date=dates[(len(story.url) + int(at / HOUR)) % len(dates)])


class Renaming(Life):
    """Gives each entry another guid every hour."""

    def item(self, story: Story, at: float) -> Item:
        return replace(super().item(story, at), guid=f"{story.text} {at // HOUR:.0f}")


class Tracking(Life):
    """Names each article twice, with tracking parameters that change every day."""

    def items(self, at: float) -> list[Item]:
        marks = (f"utm_source=rss&utm_campaign=day-{at // DAY:.0f}", f"fbclid={at // DAY:.0f}")
        return [
            replace(item, url=f"{item.url}?{mark}", guid=f"{item.url}?{mark}")
            for item in super().items(at)
            for mark in marks
        ]


class Emptied(Life):
    """Has an empty list for a quarter of its life."""

    silence = 0.25

    def listed(self, at: float) -> list[Story]:
        return [] if self.is_silent(at) else super().listed(at)


class Sharing(Life):
    """One of three outlets that print the same texts."""

    def write(self) -> Iterator[Story]:
        for number, story in enumerate(super().write()):
            yield replace(story, text=f"wire {self.number // 3} {number}")


class Redirecting(Life):
    """Names each article by its own URL and by one that redirects to it for good."""

    def write(self) -> Iterator[Story]:
        for story in super().write():
            yield story
            yield replace(story, url=story.url.replace("/news/", "/r/"), ends="dropped:same_url")

    def print(self, story: Story, at: float) -> Answer:
        if "/r/" in story.url:
            return Answer(status=301, headers={"location": story.url.replace("/r/", "/news/")})
        return super().print(story, at)


HTML, PDF = {"content-type": "text/html; charset=utf-8"}, {"content-type": "application/pdf"}


class Careless(Life):
    """Names much that is no article."""

    PAGES = (
        ("dropped:gone", "gone", Answer(status=410)),
        ("dropped:gone", "lost", Answer(status=404)),
        ("dropped:http_4xx", "members", Answer(status=403)),
        ("dropped:not_html", "papers", Answer(status=200, body=b"%PDF-1.7", headers=PDF)),
        ("dropped:empty", "blank", Answer(status=200, headers=HTML)),
        ("dropped:no_text", "wordless", Answer(status=200, body=b"<html><p>Soon.</p></html>", headers=HTML)),
        ("dropped:disallowed", "private", Answer(status=200)),
        ("classified", "news", None),
    )

    def write(self) -> Iterator[Story]:
        for number, story in enumerate(super().write()):
            ends, folder, _ = self.PAGES[(number + self.number) % len(self.PAGES)]
            yield replace(story, ends=ends, url=story.url.replace("/news/", f"/{folder}/"))

    def answer(self, url: str, at: float, sent: Mapping[str, str]) -> Answer:
        if url.endswith("/robots.txt"):
            rules = b"User-agent: *\nDisallow: /private/\n"
            return Answer(status=200, body=rules, headers={"content-type": "text/plain"})
        return super().answer(url, at, sent)

    def print(self, story: Story, at: float) -> Answer:
        answer = {folder: answer for _, folder, answer in self.PAGES}[story.url.split("/")[3]]
        return answer or super().print(story, at)


class Failing(Life):
    """Its feed is well and its pages never answer but with an error. In a short life it has nothing to tell."""

    status = frozenset({"ok", "not_modified", "empty"})

    def moments(self) -> list[float]:
        return [at for at in super().moments() if at < self.script.end - GIVES_UP]

    def write(self) -> Iterator[Story]:
        for story in super().write():
            yield replace(story, ends="quarantined:unreachable")

    def print(self, story: Story, at: float) -> Answer:
        return Answer(status=500)


class Gathering(Life):
    """Names articles of others, each on a host of its own."""

    def write(self) -> Iterator[Story]:
        for number, story in enumerate(super().write()):
            yield replace(story, url=story.url.replace("https://", f"https://other{number}."))


SPECIAL: tuple[type[Life], ...] = (
    *(Moving, Dying, Returning, Throttled, Editing, Restless, Lying, Renaming, Tracking, Emptied),
    *(Redirecting, Careless, Failing, Gathering, Bare),
)
#: A flood is 500 articles, as many as forty sources write.
MOST_FLOODS = 2


def make_cast(script: Script, sources: int) -> list[Life]:
    """Return so many lives: one in forty of each special kind, and at least one; the rest is steady.

    Raises ValueError when there is no room for every kind.
    """
    each = max(1, sources // 40)
    kinds = dict.fromkeys(SPECIAL, each) | {Sharing: 3 * max(1, each // 3), Flooding: min(MOST_FLOODS, each)}
    kinds[Steady] = sources - sum(kinds.values())
    if kinds[Steady] < 1:
        raise ValueError(f"at least {sources - kinds[Steady] + 1} sources are needed")
    return [kind(number, script) for kind, count in kinds.items() for number in range(count)]
