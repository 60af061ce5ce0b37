"""The identity of an article: links made absolute, and the form under which they are known."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.domain.urls import CANON_VERSION, DOTS, MAX_URL, absolute_link, canonical_url, older_keys, web_link

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
        ("https://EXAMPLE.org/a", "https://example.org/a"),
        ("HTTPS://example.org/a", "https://example.org/a"),
        ("https://example.org./a", "https://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("http://example.org:/a", "http://example.org/a"),
        ("https://example.org:08443/a", "https://example.org:8443/a"),
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
        ("https://example.org/a?id=1&amp;utm_source=x", "https://example.org/a?id=1"),
        ("https://example.org/a?&id=1&&", "https://example.org/a?id=1"),
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
        ("https://example.org/a", "http://example.org/a"),
        ("https://example.org/a", "https://www.example.org/a"),
        ("https://example.org/a", "https://example.org:80/a"),
        ("http://example.org/a", "http://example.org:443/a"),
        ("https://stra\u00dfe.example/a", "https://strasse.example/a"),
        ("https://\u0645\u06cc\u200c\u062e\u0648.example/a", "https://\u0645\u06cc\u062e\u0648.example/a"),
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


#: Odd links of the kinds that browsers are tried with, in a feed at https://example.org/news/rss.xml, and their
#: canonical form (None: no link that can be fetched).
FORMS = [
    # schemes and slashes
    ("hTTps://example.org/a", "https://example.org/a"),
    ("HTTP:/a", None),
    ("https:a", "https://example.org/news/a"),
    ("https:///example.net/a", "https://example.org/example.net/a"),
    ("http:", None),
    ("://example.net", "https://example.org/news/:/example.net"),
    ("//example.net", "https://example.net/"),
    ("///a", "https://example.org/a"),
    ("https://example.org//", "https://example.org/"),
    ("https://example.org//a//b//", "https://example.org//a//b"),
    ("ws://example.org/", None),
    ("view-source:https://example.org/", None),
    ("about:blank", None),
    ("blob:https://example.org/1", None),
    # backslashes: no slash to urllib, and no server's name for DNS
    ("https://example.org\\a", "https://example.org\\a/"),
    ("https://example.org/a\\b", "https://example.org/a\\b"),
    ("\\\\example.net\\a", "https://example.org/news/\\\\example.net\\a"),
    # blanks
    ("\thttps://example.org/a\t", "https://example.org/a"),
    ("ht\ntps://example.org/a", "https://example.org/a"),
    ("https://example.org/\r\na", "https://example.org/a"),
    ("https://example.org/a%20b", "https://example.org/a%20b"),
    ("https://example.org/a+b", "https://example.org/a+b"),
    ("\u3000https://example.org/a\u00a0", "https://example.org/a"),
    ("https://exam ple.org/", "https://exam ple.org/"),
    ("https://example.org/\u200b", "https://example.org/\u200b"),
    # hosts
    ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
    ("https://xn--/", "https://xn--/"),
    ("https://xn--a\u00e9.example/", "https://xn--a\u00e9.example/"),
    ("https://fa\u00df.example/", "https://fa\u00df.example/"),
    ("https://\u2603.example/", "https://xn--n3h.example/"),
    ("https://\uff25xample\uff0eorg/", "https://example.org/"),
    ("https://ex%61mple.org/", "https://ex%61mple.org/"),
    ("https://%65xample.ORG/", "https://%65xample.org/"),
    ("https://exa%2Fmple.org/", "https://exa%2fmple.org/"),
    ("https://example.org../", "https://example.org/"),
    ("https://.example.org/", "https://.example.org/"),
    ("https://a..example.org/", "https://a..example.org/"),
    ("https://-a_b.example.org/", "https://-a_b.example.org/"),
    (f"https://{'a' * 64}.example.org/", f"https://{'a' * 64}.example.org/"),
    ("https://192.0.2.1/", "https://192.0.2.1/"),
    ("https://0xC0.0.2.1/", "https://0xc0.0.2.1/"),
    ("https://3221225985/", "https://3221225985/"),
    ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
    ("https://[2001:db8::1]:8080/a", "https://[2001:db8::1]:8080/a"),
    ("https://[2001:db8::1%25eth0]/", "https://[2001:db8::1%25eth0]/"),
    ("https://[fe80::1%ß]/", "https://[fe80::1%ß]/"),
    ("https://[::ffff:192.0.2.1]/", "https://[::ffff:192.0.2.1]/"),
    ("https://[2001:db8::1/", None),
    ("https://2001:db8::1/", None),
    # userinfo
    ("https://user:pa:ss@example.org/", None),
    ("https://a@b@example.org/", None),
    ("https://example.org/@desk", "https://example.org/@desk"),
    ("https://example.org?user@example.net", "https://example.org/?user@example.net"),
    # ports
    ("https://example.org:0443/", "https://example.org/"),
    ("https://example.org:0/", "https://example.org:0/"),
    ("https://example.org:8\t443/", "https://example.org:8443/"),
    ("https://example.org:4 43/", None),
    ("https://example.org:\u0664\u0664\u0663/", None),
    # paths
    ("https://example.org/a;b=1/c;d", "https://example.org/a;b=1/c;d"),
    ("a;params?x=1", "https://example.org/news/a;params?x=1"),
    ("https://example.org/a/%2E%2e/b", "https://example.org/a/%2E%2E/b"),
    ("https://example.org/a/..//b", "https://example.org//b"),
    ("https://example.org/...", "https://example.org/..."),
    ("https://example.org/%", "https://example.org/%"),
    ("https://example.org/%zz%4", "https://example.org/%zz%4"),
    ("https://example.org/\u062e\u0628\u0631", "https://example.org/\u062e\u0628\u0631"),
    ("https://example.org/a|b<c>", "https://example.org/a|b<c>"),
    # queries and fragments
    ("https://example.org?", "https://example.org/"),
    ("https://example.org?x", "https://example.org/?x"),
    ("https://example.org/a?x=1?y=2", "https://example.org/a?x=1?y=2"),
    ("https://example.org/a?x=%c3%a9", "https://example.org/a?x=%C3%A9"),
    ("https://example.org/a?=", "https://example.org/a?="),
    ("https://example.org/a?x=1;y=2", "https://example.org/a?x=1;y=2"),
    ("https://example.org/a#?utm_source=x", "https://example.org/a"),
    ("https://example.org/a?x=a#b#c", "https://example.org/a?x=a"),
    ("?", None),
    ("?#", None),
    ("#", None),
    (".", "https://example.org/news"),
    ("..", "https://example.org/"),
]


@pytest.mark.parametrize(("link", "expected"), FORMS)
def test_an_odd_link_has_one_form_or_is_no_link(link: str, expected: str | None) -> None:
    url = absolute_link(FEED, link)
    assert (url and canonical_url(url)) == expected
    assert expected is None or canonical_url(expected) == canonical_url(canonical_url(expected))


@pytest.mark.parametrize("link", ["", "#comments", "rss.xml", FEED])
def test_a_page_may_name_itself_where_a_feed_may_not(link: str) -> None:
    url = web_link(FEED, link)
    assert url is not None
    assert canonical_url(url) == FEED
    assert absolute_link(FEED, link) is None


@pytest.mark.parametrize(
    "url", ["", "a", "mailto:x", "https://u@example.org/a?utm_a=1", "https://[", "http://./?rss", "tel:1"]
)
def test_what_is_no_web_address_stays_as_it_is(url: str) -> None:
    assert canonical_url(url) == url
    assert older_keys(url) == {1: url}


@pytest.mark.parametrize(
    ("url", "first", "second"),
    [
        ("http://example.org/a/", "https://example.org/a", "http://example.org/a"),
        ("https://example.org:80/a", "https://example.org/a", "https://example.org:80/a"),
        ("http://example.org:443/a", "https://example.org/a", "http://example.org:443/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a?ysclid=1&rss=1", "https://example.org/a?ysclid=1", "https://example.org/a"),
        ("https://example.org/a?amp;rss=1", "https://example.org/a?amp;rss=1", "https://example.org/a"),
        ("https://example.org/a?utm_", "https://example.org/a?utm_", "https://example.org/a"),
        ("https://fa\u00df.example/", "https://fass.example/", "https://fa\u00df.example/"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_an_entry_found_under_an_earlier_rule_is_still_known(url: str, first: str, second: str) -> None:
    assert older_keys(url) == {1: first}
    assert canonical_url(url) == second


def test_each_version_before_this_one_has_its_form() -> None:
    assert sorted(older_keys(FEED)) == list(range(1, CANON_VERSION))


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*"/.?#&=:@[]%。İßς\\", "\u200c", "..", "%2e", "%c3", "utm_a", "xn--"]),
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
    assert urlsplit(canonical).scheme == urlsplit(url).scheme
    canonical.encode()
    host = urlsplit(url).hostname or ""
    assert urlsplit(canonical).hostname in {host.rstrip(DOTS).lower(), as_dns_knows(host.rstrip(DOTS))}


@settings(max_examples=300)
@given(st.one_of(st.text(), st.tuples(st.sampled_from(["http://", "https://"]), PIECES).map("".join)))
def test_any_text_has_a_form_and_the_form_of_a_form_is_itself(text: str) -> None:
    assert canonical_url(canonical_url(text)) == canonical_url(text)
    first = older_keys(text)[1]
    assert older_keys(first)[1] == first


def as_dns_knows(host: str) -> str:
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host
