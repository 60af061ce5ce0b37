"""The identity of an article: links made absolute, and the form under which they are known."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.poll.urls import DOTS, MAX_URL, absolute_link, canonical_url

FEED = "https://example.org/news/rss.xml"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.com/a", "https://example.com/a"),
        ("HTTP://Example.com/a", "HTTP://Example.com/a"),
        ("/a?b=c", "https://example.org/a?b=c"),
        ("a/b", "https://example.org/news/a/b"),
        ("../a", "https://example.org/a"),
        ("//example.net/a", "https://example.net/a"),
        ("?id=3", "https://example.org/news/rss.xml?id=3"),
        ("  https://example.com/a\n", "https://example.com/a"),
        ("https://exam\nple.com/a\tb", "https://example.com/ab"),
        ("http://example.com/a\tb", "http://example.com/ab"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://[2600::1]/a", "https://[2600::1]/a"),
        ("https://مثال.إختبار/خبر", "https://مثال.إختبار/خبر"),
        ("https://example.com/a b", "https://example.com/a b"),
    ],
)
def test_a_link_is_made_absolute_against_the_feed(link: str, expected: str) -> None:
    assert absolute_link(FEED, link) == expected


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT://example.com/%0aalert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "file://example.com/x",
        "ftp://example.com/x",
        "mailto:desk@example.com",
        "tag:example.com,2026:1",
        "urn:uuid:0",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://:@example.com/",
        "https://example.com\\@example.net/",
        "http:///a",
        "",
        " ",
        "#comments",
        "rss.xml",
        "https://",
        "https://./a",
        "https://..../a",
        "https://:443/a",
        "https://example.com:port/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://[::1/",
        "https://::1]/",
        "https://[example.com]/",
        "https://[]/",
        "https://example.com/\0",
        "https://example.com/\x7f",
        "https://exa\x01mple.com/",
        "https://example.com/\ud800",
        "https://exam℀ple.com/",
        "https://example.com/" + "a" * MAX_URL,
    ],
)
def test_a_link_that_cannot_be_fetched_is_refused(link: str) -> None:
    assert absolute_link(FEED, link) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("https://EXAMPLE.org/a", "https://example.org/a"),
        ("https://example.org./a", "https://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:80/a", "https://example.org/a"),
        ("https://example.org/a/", "https://example.org/a"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org/a#part", "https://example.org/a"),
        ("https://example.org/b/../a", "https://example.org/a"),
        ("https://example.org/./a", "https://example.org/a"),
        ("https://example.org/../../a", "https://example.org/a"),
        ("https://example.org/%d8%a7", "https://example.org/%D8%A7"),
        ("https://example.org/a?", "https://example.org/a"),
        ("https://example.org/a?utm_source=x&utm_medium=y", "https://example.org/a"),
        ("https://example.org/a?id=1&fbclid=z", "https://example.org/a?id=1"),
        ("https://example.org/a?UTM_Source=x", "https://example.org/a"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://BÜCHER.example/a", "https://bücher.example/a"),
        ("https://example。org/a", "https://example.org/a"),
        ("https://example.org。/a", "https://example.org/a"),
        ("https://[2600:0::1]/a", "https://[2600:0::1]:443/a"),
    ],
)
def test_two_spellings_of_one_article_are_one(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a", "https://example.org/b"),
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/a", "https://www.example.org/a"),
        ("https://example.org/a", "https://example.net/a"),
        ("https://example.org/a", "https://example.org:8443/a"),
        ("https://example.org/a?id=1", "https://example.org/a?id=2"),
        ("https://example.org/a?id=1", "https://example.org/a"),
        ("https://example.org/a?x=", "https://example.org/a"),
        ("https://example.org/?p=1&q=2", "https://example.org/?q=2&p=1"),
        ("https://example.org/a b", "https://example.org/ab"),
        ("https://example.org/a%2Fb", "https://example.org/a/b"),
        ("https://example.org/a//b", "https://example.org/a/b"),
        ("https://example.org/?utm=1", "https://example.org/"),
    ],
)
def test_two_articles_stay_two(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*"/.?#&=:@[]%。İß", "..", "%2e", "%c3", "utm_a", "xn--"]),
        st.text(max_size=4),
    ),
    max_size=12,
).map("".join)


@settings(max_examples=400)
@given(
    st.sampled_from(["http://", "https://", "HTTPS://", "//", "/", "", "https://example.org/", "http://h:80"]),
    st.one_of(PIECES, st.text()),
)
def test_the_canonical_form_is_total_and_idempotent_and_keeps_the_host(start: str, rest: str) -> None:
    url = absolute_link(FEED, start + rest)
    if url is None:
        return
    canonical = canonical_url(url)
    assert canonical_url(canonical) == canonical
    canonical.encode()
    host = urlsplit(url).hostname or ""
    assert urlsplit(canonical).hostname in {host.rstrip(DOTS).lower(), as_dns_knows(host.rstrip(DOTS))}


def as_dns_knows(host: str) -> str:
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host
