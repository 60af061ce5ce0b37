"""When a feed asks to be left alone."""

import time

import pytest

from workers.poll.documents.feed import parse_feed
from workers.poll.documents.wishes import FeedWishes, wishes


def hours(*numbers: object) -> str:
    return f"<skipHours>{''.join(f'<hour>{number}</hour>' for number in numbers)}</skipHours>"


def days(*names: str) -> str:
    return f"<skipDays>{''.join(f'<day>{name}</day>' for name in names)}</skipDays>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<ttl>60</ttl>", FeedWishes(ttl_s=3600)),
        ("<TTL> 5 </TTL>", FeedWishes(ttl_s=300)),
        ("<ttl>0</ttl>", FeedWishes()),
        ("<ttl>-5</ttl>", FeedWishes()),
        ("<ttl>999999</ttl>", FeedWishes()),
        ("<ttl>soon</ttl>", FeedWishes()),
        (hours(0, 1, 23), FeedWishes(skip_hours=frozenset({0, 1, 23}))),
        (hours(24, " 3 "), FeedWishes(skip_hours=frozenset({0, 3}))),
        (hours(25, 99, "x", ""), FeedWishes()),
        (hours(*range(24)), FeedWishes()),
        (days("Saturday", "sunday", "Someday"), FeedWishes(skip_days=frozenset({5, 6}))),
        (days("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), FeedWishes()),
        ("<skipHours><hour>3</hour>", FeedWishes(skip_hours=frozenset({3}))),
        ("<hour>3</hour><day>Monday</day>", FeedWishes()),
        ("", FeedWishes()),
    ],
)
def test_wishes_are_read_and_absurd_ones_are_none(text: str, expected: FeedWishes) -> None:
    assert wishes(f"<rss><channel>{text}</channel></rss>") == expected


def test_a_feed_carries_its_wishes_title_and_language() -> None:
    body = (
        "<rss version='2.0'><channel><title>The Paper</title><language>en-gb</language><ttl>10</ttl>"
        f"{hours(2)}{days('Friday')}<item><link>/a</link></item></channel></rss>"
    )
    feed = parse_feed(body.encode(), url="https://paper.example/rss")
    assert (feed.title, feed.language, feed.ttl_s) == ("The Paper", "en-gb", 600)
    assert (feed.skip_hours, feed.skip_days) == (frozenset({2}), frozenset({4}))


@pytest.mark.parametrize("text", ["<skipHours>" * 300_000, "<skipHours" + " " * 1_000_000, "<ttl>" * 500_000])
def test_wishes_without_end_take_no_time(text: str) -> None:
    began = time.process_time()
    wishes(text)
    assert time.process_time() - began < 2
