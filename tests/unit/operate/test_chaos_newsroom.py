"""The generated newsroom: every article is one of its own, and all of them are revealed by the end of the run."""

from typing import Any

import pytest

from workers.operate.chaos.newsroom import (
    ChaosNewsroom,
    article,
    host_of,
    name_of,
    page,
    path_of,
    revealed,
    sources,
    wait_of,
)
from workers.relate.fingerprint import fingerprint

MANY = 10_000


def test_no_two_articles_share_a_name_a_paragraph_or_a_fingerprint() -> None:
    assert len({name_of(number) for number in range(2 * MANY)}) == 2 * MANY
    made = [article(number) for number in range(MANY)]
    paragraphs = [one for _, text in made for one in text]
    assert len(set(paragraphs)) == len(paragraphs)
    assert len({fingerprint(title, "\n".join(text)) for title, text in made[:1000]}) == 1000


def test_a_page_carries_its_article_and_is_the_same_each_time() -> None:
    title, text = article(11)
    assert all(part in page(11) for part in (title, *text))
    assert page(11) == page(11) != page(12)


@pytest.mark.parametrize("count", [0, 1, 3, 200])
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.98])
def test_entries_are_revealed_in_waves_all_of_them_by_the_end_and_none_before_the_beginning(
    count: int, phase: float
) -> None:
    numbers = range(0, count * 50, 50)
    assert len(revealed(numbers, -1, 20, phase)) == 0
    shown = [len(revealed(numbers, moment / 10, 20, phase)) for moment in range(200)]
    assert shown == sorted(shown)
    assert len(revealed(numbers, 20, 20, phase)) == count


def test_hosts_are_addresses_of_the_loopback_and_sources_are_on_them() -> None:
    addresses = [host_of(index) for index in range(500)]
    assert len(set(addresses)) == 500
    assert all(one.startswith("127.0.") for one in addresses)
    assert [one.url for one in sources(2, 81)] == [
        f"http://{host_of(0)}:81/feed.xml",
        f"http://{host_of(1)}:81/feed.xml",
    ]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def newsroom(clock: Clock) -> ChaosNewsroom:
    return ChaosNewsroom(articles=100, hosts=50, seconds=20, clock=clock)


def ask(newsroom: ChaosNewsroom, index: int, path: str) -> Any:
    return newsroom.answer(index, "http://here", path)


def test_feeds_are_empty_until_it_begins_and_then_fill(newsroom: ChaosNewsroom, clock: Clock) -> None:
    assert "<item>" not in ask(newsroom, 3, "/feed.xml")[3]
    ask(newsroom, 0, "/begin")
    clock.now = 20
    status, _, etag, body = ask(newsroom, 3, "/feed.xml")
    assert status == 200
    assert etag == ask(newsroom, 3, "/feed.xml")[2]
    assert [path_of(number) in body for number in (3, 53, 4)] == [True, True, False]


def test_a_host_has_its_own_articles_only(newsroom: ChaosNewsroom) -> None:
    assert ask(newsroom, 3, path_of(53))[3] == page(53)
    for path in (path_of(4), path_of(103), "/news/x.html", "/news/053.html", "/robots.txt"):
        assert ask(newsroom, 3, path)[0] == 404


def test_a_page_takes_a_moment_to_come() -> None:
    assert 0 < min(map(wait_of, range(20))) < max(map(wait_of, range(20))) < 1
