"""RSS 2.0, Atom and JSON Feed: whatever a text holds, every reader reads it, and nobody's browser runs it."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

from tests.naughty_formats import NAUGHTY
from workers.deliver.api.feeds import is_known, title_of, validators
from workers.deliver.formats.addresses import uri
from workers.deliver.formats.feeds import LEAD, MEDIA_TYPES, NEVER, Entry, Feed, lead_of, printable, render

STORED = sorted((Path(__file__).parent.parent.parent / "samples" / "changes").glob("*.json"))
TOLD = datetime(2026, 3, 11, 8, 21, 7, 120_000, UTC)
KINDS = list(MEDIA_TYPES)
ATOM = "{http://www.w3.org/2005/Atom}"


def article_from(path: Path = STORED[-2], **facts: Any) -> dict[str, Any]:
    return {**json.loads(path.read_text(encoding="utf-8"))["payload"], **facts}


def entry(text: str = "Border guards met.\nThey talked.", told_at: datetime = TOLD, **facts: Any) -> Entry:
    return Entry(article=article_from(**facts), text=text, told_at=told_at)


def feed(*entries: Entry, **facts: Any) -> Feed:
    given: dict[str, Any] = {
        "ledger": "a-ledger",
        "query": "topic=border-cooperation",
        "title": "Wirewatch: Border cooperation",
        "address": "https://desk.example/v1/feeds/x?topic=border-cooperation&language=fa",
        "entries": entries,
    }
    return Feed(**given | facts)


def read(kind: str, made: Feed) -> Any:
    """Return a feed as readers see it: strictly parsed XML or JSON, then feedparser's view of it."""
    body = render(made, kind)
    if kind == "json":
        return json.loads(body.decode("utf-8"))
    etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    found = feedparser.parse(io.BytesIO(body))
    assert not found.bozo, found.get("bozo_exception")
    return found


def seen(text: str) -> str:
    """Return what is left of a text for a reader: controls cannot be carried, XML has one kind of line break."""
    return printable(text).replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("name", NAUGHTY)
@pytest.mark.parametrize("kind", KINDS)
def test_a_naughty_text_makes_a_valid_feed(kind: str, name: str) -> None:
    text = NAUGHTY[name]
    outlet = article_from()["source"] | {"name": text}
    flags = [{**article_from()["flags"][0], "topic": text}]
    one = entry(
        text, title=text, authors=[text], source=outlet, flags=flags, url=f"https://lanternfield.example/{text}",
        image=text,
    )  # fmt: skip
    found = read(kind, feed(one, title=text, address=f"https://desk.example/v1/feeds/{kind}?topic={text}"))
    assert len(found["items"] if kind == "json" else found.entries) == 1


@pytest.mark.parametrize("name", NAUGHTY)
def test_the_words_arrive_as_they_were(name: str) -> None:
    text = NAUGHTY[name]
    made = feed(entry(text, title=text))
    title = " ".join(printable(text).split()) or article_from()["url"]
    (item,) = json.loads(render(made, "json"))["items"]
    assert (item["title"], item["content_text"]) == (title, lead_of(text))
    root = etree.fromstring(render(made, "atom"))
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == title
    assert (root.findtext(f"{ATOM}entry/{ATOM}summary") or "") == seen(lead_of(text))
    item = etree.fromstring(render(made, "rss")).find("channel/item")
    assert item.findtext("title") == title


def test_no_control_character_is_carried() -> None:
    body = b"".join(render(feed(entry(NAUGHTY["controls"], title=NAUGHTY["controls"])), kind) for kind in KINDS)
    found = {c for c in body.decode() if re.match("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]", c)}
    assert found == set()


def test_in_rss_a_description_is_html_whose_markup_is_only_ours() -> None:
    made = feed(entry("<script>alert(1)</script>\n<img src=x onerror=alert(1)>"))
    told = etree.fromstring(render(made, "rss")).findtext("channel/item/description")
    assert told == "&lt;script&gt;alert(1)&lt;/script&gt;<br>&lt;img src=x onerror=alert(1)&gt;"


def test_in_atom_every_text_says_that_it_is_plain() -> None:
    root = etree.fromstring(render(feed(entry()), "atom"))
    for name in ("title", "entry/title", "entry/summary", "entry/source/title"):
        (found,) = root.findall("/".join(ATOM + part for part in name.split("/")))
        assert found.get("type") == "text", name


def test_an_entry_of_rss() -> None:
    (item,) = read("rss", feed(entry())).entries
    assert item.title == "Lanternfield and Yuanfan open joint river patrols"
    assert item.link == "https://lanternfield.example/news/river-patrols"
    assert (item.id, item.guidislink) == ("urn:uuid:01a20000-0000-7000-8000-000000000001", False)
    assert item.published_parsed[:6] == (2026, 3, 11, 8, 20, 0)
    assert (item.author, item.publisher) == ("Staff", "Lanternfield Post")
    assert [tag.term for tag in item.tags] == ["border-cooperation"]


def test_an_entry_of_atom() -> None:
    found = read("atom", feed(entry(authors=["A. Writer", "B. Writer"])))
    (item,) = found.entries
    assert (found.version, found.feed.updated_parsed[:6]) == ("atom10", (2026, 3, 11, 8, 21, 7))
    assert item.id == "urn:uuid:01a20000-0000-7000-8000-000000000001"
    assert (item.updated, item.published) == ("2026-03-11T08:21:07.120000Z", "2026-03-11T08:20:00Z")
    assert [one.name for one in item.authors] == ["A. Writer", "B. Writer"]
    assert (item.source.title, item.source.id) == ("Lanternfield Post", "urn:wirewatch:a-ledger:source:lanternfield")
    assert item.summary_detail.language == "en"


def test_an_entry_of_json_feed() -> None:
    found = read("json", feed(entry(language="und", authors=[])))
    assert (found["version"], found["feed_url"]) == ("https://jsonfeed.org/version/1.1", feed().address)
    (item,) = found["items"]
    flags = item.pop("_wirewatch").pop("flags")
    assert flags == [{"topic": "border-cooperation", "probability": 0.9312}]
    assert item == {
        "id": "urn:uuid:01a20000-0000-7000-8000-000000000001",
        "url": "https://lanternfield.example/news/river-patrols",
        "title": "Lanternfield and Yuanfan open joint river patrols",
        "content_text": "Border guards met.\nThey talked.",
        "date_published": "2026-03-11T08:20:00Z",
        "date_modified": "2026-03-11T08:21:07.120000Z",
        "authors": [{"name": "Lanternfield Post"}],
        "tags": ["border-cooperation"],
        "image": "https://lanternfield.example/i/patrol.jpg",
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_an_article_of_every_time_is_an_entry(kind: str, path: Path) -> None:
    found = read(kind, feed(Entry(article=article_from(path), text="x", told_at=TOLD)))
    assert len(found["items"] if kind == "json" else found.entries) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_without_entries_is_valid(kind: str) -> None:
    found = read(kind, feed())
    assert not (found["items"] if kind == "json" else found.entries)


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_a_feed_names_its_own_address(kind: str) -> None:
    links = [(one.rel, one.href) for one in read(kind, feed()).feed.links]
    assert ("self", "https://desk.example/v1/feeds/x?topic=border-cooperation&language=fa") in links


def test_a_feed_s_id_is_that_of_its_question() -> None:
    ids = {read("atom", made).feed.id for made in (feed(), feed(entry()), feed(address="http://127.0.0.1:8710/x"))}
    assert len(ids) == 1
    assert not ids & {read("atom", feed(query="topic=sanctions")).feed.id}
    assert not ids & {read("atom", feed(ledger="another")).feed.id}


def test_what_is_no_web_address_is_no_link() -> None:
    made = feed(entry(url="javascript:alert(1)", image="javascript:alert(1)"))
    assert not any(b"javascript:" in render(made, kind) for kind in KINDS)


def test_an_address_in_other_letters_is_a_uri() -> None:
    (item,) = read("rss", feed(entry(url="https://lanternfield.example/خبر?q=a b&c=%D8"))).entries
    assert item.link == "https://lanternfield.example/%D8%AE%D8%A8%D8%B1?q=a%20b&c=%D8"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, None), ("", None), ("ftp://a.example/", None), ("HTTP://a.example/", "HTTP://a.example/"),
        ("https://a.example/100%", "https://a.example/100%25"), ("https://a.example/\n<", "https://a.example/%0A%3C"),
    ],
)  # fmt: skip
def test_uris(address: str | None, expected: str | None) -> None:
    assert uri(address) == expected


def test_a_lead_ends_at_a_word() -> None:
    assert lead_of("word " * 200) == ("word " * 100).rstrip() + " …"
    assert lead_of("x" * 600) == "x" * LEAD + " …"
    assert lead_of(" short \n") == "short"


@pytest.mark.parametrize(
    ("only", "title"),
    [
        ({}, "Wirewatch"),
        ({"topic": "sanctions"}, "Wirewatch: Sanctions"),
        ({"topic": "gone", "language": "fa", "country": "IR"}, "Wirewatch: gone, fa, IR"),
        (
            {"topic": "sanctions", "q": '"oil tanker"', "min_probability": 0.9},
            'Wirewatch: Sanctions, "oil tanker", 0.9 or more',
        ),
    ],
)
def test_a_feed_is_called_after_what_was_asked(only: dict[str, str], title: str) -> None:
    nothing = dict.fromkeys(("topic", "q", "language", "country", "source", "min_probability"))
    assert title_of(nothing | only, {"sanctions": "Sanctions"}) == title


class TestConditionalRequests:
    LATER = TOLD + timedelta(minutes=5)

    def test_whoever_has_the_tag_has_the_feed(self) -> None:
        headers = validators(b"feed", TOLD, self.LATER)
        tag = headers["etag"]
        assert tag.startswith('W/"')
        for asked in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            assert is_known({"if-none-match": asked}, headers, TOLD), asked
        for asked in ('"other"', "", tag[:-3]):
            assert not is_known({"if-none-match": asked}, headers, TOLD), asked
        assert validators(b"another", TOLD, self.LATER)["etag"] != tag

    def test_the_time_counts_when_there_is_no_tag(self) -> None:
        headers = validators(b"feed", TOLD, self.LATER)
        assert headers["last-modified"] == "Wed, 11 Mar 2026 08:21:08 GMT"
        assert is_known({"if-modified-since": headers["last-modified"]}, headers, TOLD)
        assert not is_known({"if-modified-since": "Wed, 11 Mar 2026 08:21:07 GMT"}, headers, TOLD)
        assert not is_known({"if-none-match": '"x"', "if-modified-since": headers["last-modified"]}, headers, TOLD)

    @pytest.mark.parametrize("date", ["", "yesterday", "Wed, 11 Mar 2026 08:21:08", "99 Foo 2026", "\x00"])
    def test_a_date_that_is_none_is_ignored(self, date: str) -> None:
        assert not is_known({"if-modified-since": date}, validators(b"feed", TOLD, self.LATER), TOLD)

    @pytest.mark.parametrize("after", [0, 1, 30, 59])
    def test_an_entry_that_is_committed_late_is_not_missed(self, after: int) -> None:
        """A reader who came in between asks with the time it was given, and must get the entry of an earlier moment."""
        first = validators(b"one entry", TOLD, TOLD + timedelta(seconds=after))
        asked = {"if-modified-since": first["last-modified"]}
        settled = validators(b"two entries", TOLD, self.LATER)
        assert not is_known(asked, settled, TOLD)

    def test_a_feed_without_entries_has_no_time(self) -> None:
        headers = validators(b"feed", None, self.LATER)
        assert "last-modified" not in headers
        assert not is_known({"if-modified-since": "Wed, 11 Mar 2026 08:21:08 GMT"}, headers, NEVER)
