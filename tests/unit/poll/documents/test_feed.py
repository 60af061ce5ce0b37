"""A feed's bytes become entries, in every format and however broken."""

import io
import json
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.domain.outcomes import FeedOutcome
from workers.poll.documents.feed import parse_feed
from workers.poll.documents.parsed import MAX_ENTRIES, ParsedFeed
from workers.poll.documents.text import plain_text

URL = "https://example.org/news/feed"
BASE = "https://example.org"


def parse(text: str | bytes, content_type: str = "") -> ParsedFeed:
    return parse_feed(text.encode() if isinstance(text, str) else text, url=URL, content_type=content_type)


def rss(*items: str, head: str = "", tail: str = "</channel></rss>") -> str:
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel><title>T</title>{"".join(items)}{tail}'


def item(inside: str = "", link: str = "/a") -> str:
    return f"<item><link>{link}</link>{inside}</item>"


def atom(*entries: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>{"".join(entries)}</feed>'


def json_feed(*items: object, version: str = "1.1") -> str:
    return json.dumps({"version": f"https://jsonfeed.org/version/{version}", "title": "T", "items": items})


RSS_2 = rss(
    "<item><title>Two &amp;amp; two</title><link>/a</link><guid isPermaLink='false'>tag:a</guid>"
    "<pubDate>Sun, 01 Mar 2026 12:00:00 +0300</pubDate><author>desk@example.org (A. Writer)</author>"
    "<description>&lt;p&gt;One&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;</description></item>"
)
RSS_091 = (
    '<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
    '"http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>T</title>'
    "<item><title>Two</title><link>/a</link></item></channel></rss>"
)
RSS_1 = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>T</title></channel>'
    '<item rdf:about="https://example.org/a"><title>Two</title><link>/a</link>'
    "<dc:date>2026-03-01T12:00:00+03:00</dc:date></item></rdf:RDF>"
)
ATOM = atom(
    "<entry><id>tag:a</id><title>Two</title><link rel='self' href='/self'/><link rel='alternate' href='/a'/>"
    "<published>2026-03-01T09:00:00Z</published><updated>2026-03-02T09:00:00Z</updated>"
    "<author><name>A. Writer</name></author><author><name>B. Writer</name></author>"
    "<content type='html'>&lt;b&gt;Whole&lt;/b&gt; text</content><summary>Short</summary></entry>"
)
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_rss_2_is_read() -> None:
    feed = parse(RSS_2, "application/rss+xml")
    (entry,) = feed.entries
    assert feed.outcome is FeedOutcome.OK
    assert (entry.key, entry.url, entry.title, entry.summary) == ("tag:a", f"{BASE}/a", "Two & two", "One two")
    assert (entry.published, entry.updated, entry.authors) == (NINE, None, ("A. Writer",))


def test_rss_091_is_read() -> None:
    (entry,) = parse(RSS_091).entries
    assert (entry.key, entry.url, entry.title) == (f"{BASE}/a", f"{BASE}/a", "Two")


def test_rss_1_is_read() -> None:
    (entry,) = parse(RSS_1).entries
    assert (entry.key, entry.url, entry.title) == ("https://example.org/a", f"{BASE}/a", "Two")
    assert (entry.published or entry.updated) == NINE


def test_atom_is_read() -> None:
    (entry,) = parse(ATOM).entries
    assert (entry.key, entry.url, entry.title, entry.summary) == ("tag:a", f"{BASE}/a", "Two", "Whole text")
    assert (entry.published, entry.updated) == (NINE, datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert entry.authors == ("A. Writer", "B. Writer")


@pytest.mark.parametrize(
    ("version", "extra", "authors"),
    [
        ("1", {"author": {"name": "A. Writer"}}, ("A. Writer",)),
        ("1.1", {"authors": [{"name": "A. Writer"}, {"name": "B. Writer"}]}, ("A. Writer", "B. Writer")),
        ("1.1", {"authors": "A. Writer"}, ()),
        ("1.1", {"authors": [None, {"url": "x"}, {"name": []}]}, ()),
        ("1.1", {}, ()),
    ],
)
def test_json_feed_is_read(version: str, extra: dict[str, object], authors: tuple[str, ...]) -> None:
    one = {
        "id": "7",
        "url": "/a",
        "title": "Two &amp; two",
        "content_html": "<p>One</p><p>two</p>",
        "date_published": "2026-03-01T12:00:00+03:00",
        "date_modified": "2026-03-01T09:00:00Z",
    }
    (entry,) = parse(json_feed(one | extra, version=version)).entries
    assert (entry.key, entry.url, entry.title, entry.summary) == ("7", f"{BASE}/a", "Two & two", "One two")
    assert (entry.published, entry.updated, entry.authors) == (NINE, NINE, authors)


@pytest.mark.parametrize(
    ("one", "url"),
    [
        ({"id": 7, "url": "/a"}, f"{BASE}/a"),
        ({"id": 10**30, "url": "/a"}, f"{BASE}/a"),
        ({"external_url": "https://example.net/b"}, "https://example.net/b"),
        ({"id": "x", "url": "/a", "title": None, "content_text": 7, "date_published": 7}, f"{BASE}/a"),
        ({"id": {}, "url": "/a", "title": {}, "content_html": [], "date_published": "soon"}, f"{BASE}/a"),
    ],
)
def test_a_json_item_with_odd_fields_keeps_its_link(one: dict[str, object], url: str) -> None:
    (entry,) = parse(json_feed(one)).entries
    assert entry.url == url


def test_a_json_item_without_a_link_or_that_is_no_object_is_not_an_entry() -> None:
    feed = parse(json_feed({"id": "1"}, "text", None, 7, {"url": "javascript:x"}, {"url": "/a"}))
    assert [one.url for one in feed.entries] == [f"{BASE}/a"]
    assert feed.detail == "5 entries without a usable link"


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        ("", FeedOutcome.EMPTY, "an empty body"),
        (" \r\n\t", FeedOutcome.EMPTY, "an empty body"),
        (b"\xef\xbb\xbf", FeedOutcome.EMPTY, "an empty body"),
        (rss(), FeedOutcome.EMPTY, ""),
        (atom(), FeedOutcome.EMPTY, ""),
        (json_feed(), FeedOutcome.EMPTY, ""),
        ("<!DOCTYPE html><html><body><p>Hello</p></body></html>", FeedOutcome.NOT_A_FEED, "HTML"),
        ("<HTML><body>Access denied", FeedOutcome.NOT_A_FEED, "HTML"),
        ("just words", FeedOutcome.NOT_A_FEED, "neither"),
        (b"%PDF-1.7 \x00\xff\xfe", FeedOutcome.NOT_A_FEED, "neither"),
        (bytes(range(256)), FeedOutcome.NOT_A_FEED, "neither"),
        ('{"items": [', FeedOutcome.NOT_A_FEED, "JSON"),
        ('{"items": {}}', FeedOutcome.NOT_A_FEED, "list of items"),
        ('{"error": "no"}', FeedOutcome.NOT_A_FEED, "list of items"),
        ("[]", FeedOutcome.NOT_A_FEED, "neither"),
        ('{"a":' * 100_000, FeedOutcome.NOT_A_FEED, "JSON"),
    ],
)
def test_what_holds_no_entries_says_what_it_is(body: str | bytes, outcome: FeedOutcome, words: str) -> None:
    feed = parse(body)
    assert (feed.outcome, feed.entries) == (outcome, ())
    assert words in feed.detail


@pytest.mark.parametrize(
    "content_type", ["text/html", "text/plain; charset=utf-8", "application/octet-stream", "", "nonsense"]
)
@pytest.mark.parametrize("body", [RSS_2, RSS_1, ATOM, json_feed({"url": "/a"})])
def test_a_feed_is_a_feed_whatever_it_is_served_as(body: str, content_type: str) -> None:
    assert [one.url for one in parse(body, content_type).entries] == [f"{BASE}/a"]


def test_a_body_that_names_a_file_does_not_open_it(tmp_path: Path) -> None:
    local = tmp_path / "feed.xml"
    local.write_text(RSS_2)
    for name in (str(local), f"file://{local}", "/dev/zero", "https://example.org/feed"):
        assert parse(name).outcome is FeedOutcome.NOT_A_FEED


@pytest.mark.parametrize(
    "reference",
    [
        "&#xD800;",
        "&#xdfff;",
        "&#x110000;",
        "&#99999999999;",
        "&#0;",
        "&#x0;",
        "&#" + "9" * 9_000 + ";",
        "&#x110000",
        "&#x0000D800;",
    ],
)
def test_a_reference_to_no_character_costs_no_entry(reference: str) -> None:
    feed = parse(rss(item(f"<title>One {reference} two</title>"), item(link="/b")))
    assert feed.outcome is FeedOutcome.OK
    assert [one.url for one in feed.entries] == [f"{BASE}/a", f"{BASE}/b"]
    assert feed.entries[0].title == "One two"


def test_a_reference_to_a_character_is_that_character() -> None:
    (entry,) = parse(rss(item("<title>&#1575;&#x627;&#X627;&#128512;&#x10FFFD;</title>"))).entries
    assert entry.title.startswith("ااا😀")


@pytest.mark.parametrize("charset", ["punycode", "undefined", "idna", "zlib_codec", "utf-7", "no-such"])
def test_a_charset_that_is_none_costs_no_entry(charset: str) -> None:
    text = RSS_2.replace("Two &amp;amp; two", "Été")
    declared = text.replace('version="1.0"', f'version="1.0" encoding="{charset}"', 1)
    assert parse(text, f"text/xml; charset={charset}").entries[0].title == "Été"
    assert parse(declared).entries[0].title == "Été"


def test_a_feed_in_windows_1251_is_read() -> None:
    text = rss(item("<title>Учения на границе</title>")).replace("?>", ' encoding="windows-1251"?>', 1)
    for content_type in ("", "text/xml", "application/xml; charset=windows-1251"):
        assert parse(text.encode("cp1251"), content_type).entries[0].title == "Учения на границе"


def test_a_feed_in_utf_16_is_read() -> None:
    assert parse(rss(item("<title>Учения</title>")).encode("utf-16")).entries[0].title == "Учения"


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    head = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}"><!ENTITY % p SYSTEM "file://{secret}"> %p;]>'
    feed = parse(rss(item("<title>One &x; two</title>"), item(link="/b"), head=head))
    assert "secret" not in repr(feed)
    assert [one.url for one in feed.entries] == [f"{BASE}/a", f"{BASE}/b"]


def test_billion_laughs_stay_small() -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<!DOCTYPE rss [<!ENTITY l0 "{"ha" * 50}">{lol}]>'
    tracemalloc.start()
    try:
        began = time.process_time()
        parse(rss(item("<title>&l11;</title>"), head=head))
        took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < 10
    assert peak < 50_000_000


@pytest.mark.parametrize(
    "end",
    [
        "<item><title>Half",
        "<item><title>Half</title><link>/c</link>",
        "<item",
        "",
        "<!-- unended",
        "<item><title><![CDATA[Half",
    ],
)
def test_a_feed_that_is_cut_off_gives_its_whole_entries(end: str) -> None:
    feed = parse(rss(item(), item(link="/b"), tail=end))
    assert feed.outcome is FeedOutcome.CUT_OFF
    assert [one.url for one in feed.entries] == [f"{BASE}/a", f"{BASE}/b"]
    assert feed.detail == "ends in the middle; 2 whole entries"


@pytest.mark.parametrize("whole", [ATOM, RSS_1, RSS_2])
def test_no_cut_makes_an_entry_that_is_not_whole(whole: str) -> None:
    expected = parse(whole).entries
    for at in range(0, len(whole) - 8, 7):
        feed = parse(whole[:at])
        assert feed.entries in {(), expected}
        assert feed.outcome in {FeedOutcome.CUT_OFF, FeedOutcome.NOT_A_FEED, FeedOutcome.EMPTY}


def test_a_feed_cut_off_in_utf_16_gives_its_whole_entries() -> None:
    feed = parse(rss(item(), tail="<item><link>/b").encode("utf-16"))
    assert (feed.outcome, len(feed.entries)) == (FeedOutcome.CUT_OFF, 1)


@pytest.mark.parametrize(
    "tail", ["</channel></rss><script>x()</script>", "</channel></rss>\n<!-- cached -->", "</channel></RSS >"]
)
def test_a_feed_that_is_not_well_formed_but_whole_is_taken(tail: str) -> None:
    feed = parse(rss(item("<title>Fish & chips <b></title>"), item(link="/b"), tail=tail))
    assert feed.outcome is FeedOutcome.OK
    assert [one.url for one in feed.entries] == [f"{BASE}/a", f"{BASE}/b"]


@pytest.mark.parametrize(
    "inside",
    [
        "<title>One <!-- two</title>",
        "<title><![CDATA[One</title>",
        "<description><script><!-- x</description>",
        "<title>A < B & C</title>",
        "<title>\x0bOne\x01</title>",
        "<title>&nosuch; &#xD800; &#55555555555;</title>",
        "<title>One</titel>",
        "<dc:creator>Nobody declared this</dc:creator>",
        "<title a=1 a='2>One</title>",
        "<?php echo ?>",
    ],
)
def test_one_broken_entry_does_not_lose_the_good_ones(inside: str) -> None:
    feed = parse(rss(item(link="/a"), item(inside, link="/b"), item(link="/c")))
    found = [one.url.removeprefix(BASE) for one in feed.entries]
    assert {"/a", "/c"} <= set(found)
    assert feed.outcome is FeedOutcome.OK


def test_a_document_on_which_feedparser_raises_gives_its_good_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    real = feedparser.parse

    def brittle(body: io.BytesIO, **options: object) -> object:
        if b"poison" in body.getvalue():
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return real(body, **options)

    monkeypatch.setattr(feedparser, "parse", brittle)
    feed = parse(rss(item(link="/a"), item("<title>poison</title>", link="/b"), item(link="/c")))
    assert [one.url for one in feed.entries] == [f"{BASE}/a", f"{BASE}/c"]
    assert feed.detail == "broken XML; 2 of 3 entries were read one by one"
    assert parse("<rss>poison").outcome is FeedOutcome.NOT_A_FEED


@pytest.mark.parametrize("body", ["<rss><channel>" + "<x>" * 3_000_000, rss("<item>" + "<category/>" * 800_000)])
def test_tags_without_number_are_refused_and_not_parsed(body: str) -> None:
    began = time.process_time()
    feed = parse(body)
    assert time.process_time() - began < 5
    assert (feed.outcome, feed.entries) == (FeedOutcome.TOO_LARGE, ())


def test_entries_that_never_end_are_bounded_too() -> None:
    began = time.process_time()
    feed = parse("<rss><channel>" + "<item><link>/a</link>" * 300_000)
    assert time.process_time() - began < 10
    assert feed.outcome is FeedOutcome.CUT_OFF


def test_an_archive_in_a_feed_is_cut_before_it_is_parsed() -> None:
    began = time.process_time()
    feed = parse(rss(*(item(link=f"/{n}") for n in range(100_000))))
    assert time.process_time() - began < 10
    assert (feed.outcome, len(feed.entries), feed.cut) == (FeedOutcome.OK, MAX_ENTRIES, 100_000 - MAX_ENTRIES)


def test_entries_over_the_cap_are_left_and_counted() -> None:
    feed = parse(rss(*(item(link=f"/{n}") for n in range(MAX_ENTRIES + 3))))
    assert (feed.outcome, len(feed.entries), feed.cut) == (FeedOutcome.OK, MAX_ENTRIES, 3)
    assert feed.detail == f"3 entries over {MAX_ENTRIES} were not taken"
    assert len(parse(json_feed(*({"url": f"/{n}"} for n in range(MAX_ENTRIES + 3)))).entries) == MAX_ENTRIES


@pytest.mark.parametrize(
    ("inside", "urls"),
    [
        ("<guid>https://example.org/p</guid>", [f"{BASE}/p"]),
        ("<guid isPermaLink='true'>https://example.org/p</guid>", [f"{BASE}/p"]),
        ("<guid isPermaLink='false'>https://example.org/p</guid>", [f"{BASE}/p"]),
        ("<guid isPermaLink='false'>17</guid>", []),
        ("<title>No link</title>", []),
        ("<link></link>", []),
        ("<link/><guid>https://example.org/p</guid>", [f"{BASE}/p"]),
        ("<link>javascript:alert(1)</link>", []),
        ("<link>file:///etc/passwd</link>", []),
        ("<link>https://user:secret@example.org/</link>", []),
        ("<link>//example.net/p</link>", ["https://example.net/p"]),
        ("<link>../p?a=1&amp;b=2</link>", [f"{BASE}/p?a=1&b=2"]),
        ("<link>\n  /p\n</link>", [f"{BASE}/p"]),
        ("<link><![CDATA[/p]]></link>", [f"{BASE}/p"]),
    ],
)
def test_an_entry_has_a_link_that_can_be_fetched_or_is_left(inside: str, urls: list[str]) -> None:
    feed = parse(rss(f"<item>{inside}</item>"))
    assert [one.url for one in feed.entries] == urls
    assert feed.outcome is (FeedOutcome.OK if urls else FeedOutcome.EMPTY)
    assert bool(feed.detail) is not bool(urls)


def test_a_repeated_link_is_kept_for_the_store_to_join() -> None:
    feed = parse(rss(item("<guid isPermaLink='false'>1</guid>"), item("<guid isPermaLink='false'>2</guid>")))
    assert [(one.key, one.url) for one in feed.entries] == [("1", f"{BASE}/a"), ("2", f"{BASE}/a")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Sun, 01 Mar 2026 12:00:00 +0300", NINE),
        ("2026-03-01T12:00:00+03:00", NINE),
        ("Sat, 01 Jan 0001 00:00:00 GMT", None),
        ("0001-01-01T00:00:00Z", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("9999-12-31T23:59:59Z", None),
        ("99999-01-01", None),
        ("1969-12-31", None),
        ("yesterday", None),
        ("", None),
        ("Sun, 31 Feb 2026 12:00:00 GMT", None),
    ],
)
def test_a_date_is_a_moment_in_utc_or_nothing(written: str, expected: datetime | None) -> None:
    entry = parse(rss(item(f"<pubDate>{written}</pubDate>"))).entries[0]
    assert entry.published == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-01T12:00:00+03:00", NINE),
        ("2026-03-01T09:00:00Z", NINE),
        ("2026-03-01T09:00:00", NINE),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("99999-01-01", None),
        (1772355600, None),
        (None, None),
        ({}, None),
    ],
)
def test_a_json_date_is_a_moment_in_utc_or_nothing(written: object, expected: datetime | None) -> None:
    assert parse(json_feed({"url": "/a", "date_published": written})).entries[0].published == expected


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("two\n lines \u00a0 here", "two lines here"),
        ("AT&amp;T", "AT&T"),
        ("AT&T", "AT&T"),
        ("<p>One</p><p>two</p>", "One two"),
        ("One<br>two<br/>three", "One two three"),
        ("counter-<b>terror</b>ism", "counter-terrorism"),
        ("a <a href='x'>link</a>.", "a link."),
        ("<script>alert(1)</script>Text<style>p {}</style>", "Text"),
        ("<img src=x onerror=alert(1)>Text", "Text"),
        ("<!-- note -->Text", "Text"),
        ("&lt;b&gt;", "<b>"),
        ("&#x200f;نص", "\u200fنص"),
        ("a\0b", "ab"),
        ("a\ud800b <i>c</i>", "ab c"),
        ("</div></div>Text", "Text"),
        ("<?xml version='1.0' encoding='x'?>Text", "Text"),
        ("<![CDATA[Text]]>", ""),
        ("", ""),
        ("<", "<"),
        (None, ""),
        (7, ""),
        ("<b>" * 1_000 + "deep", "deep"),
    ],
)
def test_markup_becomes_words_on_one_line(markup: object, text: str) -> None:
    assert plain_text(markup) == text


@given(st.text(alphabet=st.one_of(st.sampled_from("<>&;/!-?[]#x\"' \0"), st.characters()), max_size=80))
def test_plain_text_never_raises_and_can_be_stored(markup: str) -> None:
    text = plain_text(markup)
    text.encode()
    assert "\0" not in text


def test_everything_that_is_kept_can_be_stored() -> None:
    bad = "a\0b\ud800c"
    one = {"id": bad, "url": "/a", "title": bad, "content_text": bad, "authors": [{"name": bad}]}
    (entry,) = parse(json_feed(one)).entries
    assert (entry.key, entry.title, entry.summary, entry.authors) == ("abc", "abc", "abc", ("abc",))
    assert parse(json_feed({"url": "/a\0"}, {"url": "/\ud800"})).entries == ()


def test_long_things_are_cut() -> None:
    long = "wörd " * 20_000
    (entry,) = parse(rss(item(f"<guid>{long}</guid><title>{long}</title><description>{long}</description>"))).entries
    assert len(entry.key.encode()) < 2_700
    assert (len(entry.title), len(entry.summary)) == (1_000, 20_000)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([RSS_2, RSS_091, RSS_1, ATOM]), st.data())
def test_a_damaged_feed_is_still_a_value(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 30))
    noise = data.draw(
        st.one_of(
            st.binary(max_size=20), st.sampled_from([b"<![", b"<!DOCTYPE", b"&#", b"]]>", b"<?", b"\0", b'<a b="'])
        )
    )
    raw = whole.encode()
    parse(raw[:at] + noise + raw[at + length :])


@pytest.mark.parametrize(
    "body",
    [
        rss(tail="</rss><!--" * 100_000),
        rss(tail="</rss>" + "<!---->" * 100_000 + "<"),
        rss(tail="</item" + " " * 500_000),
        rss(tail="&#" * 300_000),
        rss(item("<title>" + "&#" + "1" * 500_000 + ";</title>")),
        "<?xml " + "encoding=" * 50_000 + rss(),
    ],
    ids=["comments", "empty comments", "spaces", "references", "digits", "labels"],
)
def test_no_rule_of_ours_takes_more_than_linear_time(body: str) -> None:
    began = time.process_time()
    parse(body)
    assert time.process_time() - began < 5


def test_a_tag_of_attributes_without_number_is_refused_before_it_costs_anything() -> None:
    began = time.process_time()
    tag = "<item " + " ".join(f'a{number}="1"' for number in range(60_000)) + ">"
    feed = parse(f"<rss><channel>{tag}<link>/a</link></item></channel></rss>")
    assert time.process_time() - began < 2
    assert (feed.outcome, feed.detail) == (FeedOutcome.TOO_LARGE, "a tag of over 20,000 characters")


def test_a_long_text_is_no_long_tag() -> None:
    feed = parse(rss(f"<item><link>/a</link><description><![CDATA[{'word ' * 8_000}]]></description></item>"))
    assert feed.outcome is FeedOutcome.OK
