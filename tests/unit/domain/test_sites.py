"""Which hosts are one site, and what a page may say of its own identity."""

import subprocess
import sys

import pytest
import tld.utils
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workers.domain import sites
from workers.domain.sites import accepted_canonical, accepted_redirect, registrable_domain, same_site
from workers.domain.urls import MAX_URL, canonical_url


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.org", "example.org"),
        ("www.example.org", "example.org"),
        ("A.B.Example.ORG.", "example.org"),
        ("news.example.co.uk", "example.co.uk"),
        ("www.gov.uk", "www.gov.uk"),
        ("desk.example.com.tr", "example.com.tr"),
        ("one.blogspot.com", "one.blogspot.com"),
        ("www.one.github.io", "one.github.io"),
        ("www.bücher.de", "xn--bcher-kva.de"),
        ("fa.faß.de", "faß.de"),
        ("straße.bücher.de", "xn--bcher-kva.de"),
        ("straße.example。org", "example.org"),
        ("www.xn--55qx5d.cn", "www.xn--55qx5d.cn"),
        ("a.b.公司.cn", "b.xn--55qx5d.cn"),
        ("news.сайт.рф", "xn--80aswg.xn--p1ai"),
        ("news.xn--80aswg.xn--p1ai", "xn--80aswg.xn--p1ai"),
        ("www.any.ck", "www.any.ck"),
        ("org", None),
        ("co.uk", None),
        ("blogspot.com", None),
        ("any.ck", None),
        ("公司.cn", None),
        ("localhost", None),
        ("feeds.example.test", None),
        ("intranet.corp", None),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("", None),
        (".", None),
        ("a..org", None),
        (".org", None),
        ("[", None),
        ("[2001:db8::1]", None),
        ("[.0.org]", None),
        ("somebody@example.org", None),
    ],
)
def test_the_registered_domain_is_a_public_suffix_and_one_label(host: str, expected: str | None) -> None:
    assert registrable_domain(host) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://example.org/a", "http://www.example.org:8080/b", True),
        ("https://amp.example.co.uk/", "https://m.example.co.uk/", True),
        ("https://EXAMPLE.org./", "https://example.org/", True),
        ("https://bücher.de/", "https://m.xn--bcher-kva.de/", True),
        ("https://192.0.2.1/", "https://192.0.2.1:8080/", True),
        ("https://[2001:db8::1]/", "https://[2001:DB8::1]/", True),
        ("https://localhost/a", "https://localhost/b", True),
        ("https://blogspot.com/a", "https://blogspot.com/b", True),
        ("https://example.org/", "https://example.com/", False),
        ("https://example.org/", "https://example.org.uk/", False),
        ("https://example.co.uk/", "https://other.co.uk/", False),
        ("https://one.blogspot.com/", "https://two.blogspot.com/", False),
        ("https://one.blogspot.com/", "https://blogspot.com/", False),
        ("https://faß.de/", "https://fass.de/", False),
        ("https://192.0.2.1/", "https://192.0.2.2/", False),
        ("https://1.192.0.2/", "https://2.192.0.2/", False),
        ("https://a.example.test/", "https://b.example.test/", False),
        ("https://localhost/", "https://a.localhost/", False),
        ("", "", False),
        ("https://[/", "https://[/", False),
        ("/a", "/a", False),
    ],
)
def test_two_urls_are_of_one_site_or_not(one: str, other: str, *, expected: bool) -> None:
    assert same_site(one, other) is expected
    assert same_site(other, one) is expected


PAGE = "https://www.example.org/world/2026/storm-over-the-bay"


@pytest.mark.parametrize(
    ("page", "claimed", "expected"),
    [
        # itself, in other words
        (PAGE, PAGE, PAGE),
        (PAGE, "", PAGE),
        (PAGE, "#top", PAGE),
        (PAGE, "https://", PAGE),
        (PAGE + "?utm_source=x", PAGE + "/", PAGE),
        ("https://example.org/", "https://example.org/", "https://example.org/"),
        # the same article elsewhere on the site
        (
            PAGE,
            "http://www.example.org/world/2026/storm-over-the-bay",
            "http://www.example.org/world/2026/storm-over-the-bay",
        ),
        (
            PAGE,
            "https://example.org/world/2026/storm-over-the-bay",
            "https://example.org/world/2026/storm-over-the-bay",
        ),
        (PAGE, "//edition.example.org/storm", "https://edition.example.org/storm"),
        (PAGE, "/storm-over-the-bay-12", "https://www.example.org/storm-over-the-bay-12"),
        (PAGE, " storm\n-again ", "https://www.example.org/world/2026/storm-again"),
        (PAGE + "?ref=front", PAGE, PAGE),
        (PAGE + "?page=2", PAGE, PAGE),
        (PAGE + "?utm_id=3", PAGE, PAGE),
        (PAGE + "/amp", PAGE, PAGE),
        (PAGE + "/amp.html", PAGE, PAGE),
        (PAGE + "/print/", PAGE, PAGE),
        (PAGE + "/index.html", PAGE + "/", PAGE),
        ("https://m.example.org/a/1", "https://www.example.org/a/1", "https://www.example.org/a/1"),
        ("https://example.org/?p=12", "https://example.org/2026/storm", "https://example.org/2026/storm"),
        ("https://example.org/?p=12&x=1", "https://example.org/?p=12", "https://example.org/?p=12"),
        ("https://example.org/a.php?id=5&x=1", "/a.php?id=5", "https://example.org/a.php?id=5"),
        ("https://example.org/index.php?id=5&x=1", "/index.php?id=5", "https://example.org/index.php?id=5"),
        ("https://192.0.2.1/a", "http://192.0.2.1/b", "http://192.0.2.1/b"),
        # another site
        (PAGE, "https://example.com/storm", None),
        (PAGE, "https://example.org.evil.com/storm", None),
        ("https://one.blogspot.com/a", "https://two.blogspot.com/a", None),
        ("https://192.0.2.1/a", "https://192.0.2.2/a", None),
        ("", PAGE, None),
        ("page.html", "other.html", None),
        # no address
        (PAGE, "javascript:void(0)", None),
        (PAGE, "ftp://www.example.org/storm", None),
        (PAGE, "https://desk@www.example.org/storm", None),
        (PAGE, "https://[", None),
        (PAGE, "https://www.example.org/\0", None),
        # too long, as it stands or in its canonical form
        (PAGE, "/" + "a" * MAX_URL, None),
        ("https://" + "ü." * 120 + "de/a", "/" + "b" * 1_500, None),
        # the home page
        (PAGE, "/", None),
        (PAGE, "https://example.org", None),
        (PAGE, "https://example.org/?lang=en", None),
        (PAGE, "/index.html", None),
        (PAGE, "/INDEX.PHP", None),
        ("https://example.org/?p=12", "https://example.org/", None),
        ("https://example.org/?x=1", "https://example.org/", None),
        ("https://example.org/amp", "https://example.org/", None),
        # a folder above the page
        (PAGE, "/world", None),
        (PAGE, "/world/2026/", None),
        (PAGE, "/world/2026?page=1", None),
        (PAGE, "/world/index.html", None),
        (PAGE, "https://m.example.org/world/", None),
        ("https://example.org/news/12345", "/news", None),
        ("https://example.org/news/amp/12345", "/news", None),
        # the script without what it is to show, or with something else
        ("https://example.org/a.php?id=5", "/a.php", None),
        ("https://example.org/a.php?id=5", "/a.php?id=6", None),
        ("https://example.org/m/a.php?id=5", "/a.php", None),
        ("https://example.org/view.html?idxno=7", "/view.html", None),
        ("https://example.org/view?x=1&amp;p=7", "/view?x=1", None),
        (PAGE + "?lang=ru", PAGE, None),
    ],
)
def test_a_page_is_believed_about_itself_only(page: str, claimed: str, expected: str | None) -> None:
    assert accepted_canonical(page, claimed) == expected


PIECES = st.lists(
    st.sampled_from(
        ["https://", "http://", "example.org", "www.", "blogspot.com", "/", "a", "index.html", "amp", "?", "id=", "&",
         "=", "#", ":", "80", "@", "[", "]", "ü", "ß", "。", "..", "%", "\\", " ", "\t", "\ud800"],
    ),
    max_size=10,
).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(PIECES, st.just(PAGE)), st.one_of(PIECES, st.text()))
def test_no_claim_raises_and_what_is_believed_is_canonical_and_of_the_same_site(page: str, claimed: str) -> None:
    identity = accepted_canonical(page, claimed)
    if identity is not None:
        assert canonical_url(identity) == identity
        assert same_site(page, identity)
        assert len(identity) <= MAX_URL


@settings(max_examples=200)
@given(st.one_of(st.text(), PIECES))
@example("[.0.ORG]")
def test_any_host_has_an_answer_that_is_its_own_end(host: str) -> None:
    domain = registrable_domain(host)
    assert domain is None or registrable_domain(domain) == domain


def test_a_list_that_cannot_be_read_is_an_error_and_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("too many open files")

    downloads: list[object] = []
    monkeypatch.setattr(tld.utils, "tld_names", {})
    monkeypatch.setattr(tld.utils, "codecs_open", refuse)
    monkeypatch.setattr("tld.base.urlopen", downloads.append)
    with pytest.raises(OSError, match="public suffix list"):
        registrable_domain("www.example.org")
    assert downloads == []


def test_the_list_is_loaded_by_the_first_question_only() -> None:
    loaded = f"import sys; import {sites.__name__}; sys.exit('tld' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "final", "permanent", "accepted"),
    [
        ("http://a.example/news/1", "https://a.example/news/1", True, True),
        ("http://example.org/news/1", "https://www.example.org/news/1", False, True),
        ("https://a.example/1", "https://a.example/a-long-headline", True, True),
        ("https://a.example/1", "https://a.example/2026/a-long-headline", False, True),
        ("https://short.example/x", "https://a.example/news/1", True, True),
        # a login, a consent page, an outage: for the time being
        ("https://a.example/news/1", "https://login.example/?back=1", False, False),
        ("https://a.example/news/1", "https://a.example/maintenance", False, False),
        ("https://short.example/x", "https://a.example/news/1", False, False),
        # to less: what removed articles redirect to
        ("https://a.example/news/1", "https://a.example/", True, False),
        ("https://a.example/news/1", "https://a.example/news", True, False),
        ("https://short.example/x", "https://a.example/", True, False),
    ],
)
def test_a_redirect_says_what_an_article_is_only_where_it_leads_to_one(
    url: str, final: str, permanent: bool, accepted: bool
) -> None:
    assert accepted_redirect(url, final, permanent=permanent) is accepted
