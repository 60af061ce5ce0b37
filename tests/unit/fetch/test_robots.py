"""robots.txt by RFC 9309, and in bounds whatever a site writes into it."""

import time
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from protego import Protego

from workers.fetch.robots import (
    MAX_BYTES,
    MOST_LINES,
    Rules,
    lifetime,
    origin,
    parse_robots,
    robots_url,
    verdict,
)

SITE = "https://news.example"


def rules(*lines: str) -> Rules:
    return parse_robots("\n".join(lines).encode())


def allowed(path: str, *lines: str) -> bool:
    return rules(*lines).allows(SITE + path)


# --- which rule --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("/", "/", True),
        ("/", "/a/b?c", True),
        ("", "/a", False),
        ("/fish", "/fish", True),
        ("/fish", "/fish.html", True),
        ("/fish", "/fish/salmon.html", True),
        ("/fish", "/fishheads/yummy.html", True),
        ("/fish", "/fish.php?id=anything", True),
        ("/fish", "/Fish.asp", False),
        ("/fish", "/catfish", False),
        ("/fish", "/?id=fish", False),
        ("/fish*", "/fishheads", True),
        ("/fish/", "/fish/salmon", True),
        ("/fish/", "/fish", False),
        ("/fish/", "/fish.html", False),
        ("/*.php", "/index.php", True),
        ("/*.php", "/folder/any.php.file.html?x=1", True),
        ("/*.php", "/", False),
        ("/*.php", "/windows.PHP", False),
        ("/*.php$", "/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/*.php$", "/filename.php5", False),
        ("/fish*.php", "/fishheads/catfish.php?parameters", True),
        ("/fish*.php", "/Fish.PHP", False),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/a$b", "/a$b", True),
        ("/*?", "/a?b", True),
        ("/*?", "/a", False),
        ("/a//b", "/a//b", True),
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", True),
        # RFC 9309 section 2.2.2: octets outside ASCII and escapes compare as the same octets
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%E3%83%84", "/foo/bar/ツ", True),
        ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A", True),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", True),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-b.html", False),
        ("/path/foo-%24", "/path/foo-$", True),
        ("/a%2Fb", "/a/b", False),
        ("/100%", "/100%", True),
    ],
)
def test_a_path_is_compared_with_a_rule(rule: str, path: str, matches: bool) -> None:
    assert allowed(path, "User-agent: *", f"Disallow: {rule}") is not matches
    assert allowed(path, "User-agent: *", "Disallow: /", f"Allow: {rule}") is matches


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        # RFC 9309 section 5.2: the longest match
        (["Allow: /example/page/", "Disallow: /example/page/disallowed.gif"], "/example/page/disallowed.gif", False),
        (["Allow: /example/page/", "Disallow: /example/page/disallowed.gif"], "/example/page/a.gif", True),
        (["Allow: /p", "Disallow: /"], "/page", True),
        (["Disallow: /", "Allow: /p"], "/page", True),
        (["Allow: /folder", "Disallow: /folder"], "/folder/page", True),  # equal: the least restrictive
        (["Disallow: /folder", "Allow: /folder"], "/folder/page", True),
        (["Allow: /page", "Disallow: /*.htm"], "/page.htm", False),
        (["Allow: /page", "Disallow: /*.ph"], "/page.php5", True),
        (["Allow: /$", "Disallow: /"], "/", True),
        (["Allow: /$", "Disallow: /"], "/page.htm", False),
        (["Disallow:"], "/a", True),
        (["Disallow: /a #b"], "/a", False),
        (["disALLOW : /a"], "/a", False),
        (["  Disallow:/a"], "/a", False),
        (["Disallow: /a", "", "", "Disallow: /b"], "/b", False),  # blank lines do not end a group
        (["Noindex: /a", "Unknown: /", "Disallow: /b"], "/b", False),
    ],
)
def test_the_longest_rule_decides_and_allow_wins_between_equals(lines: list[str], path: str, expected: bool) -> None:
    assert allowed(path, "User-agent: *", *lines) is expected


# --- which group -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "ours"),
    [
        ("Wirewatch", True),
        ("wirewatch", True),
        ("WIREWATCH", True),
        ("  Wirewatch  ", True),
        ("Wirewatch # us", True),
        ("Wirewatch/1.0", True),
        ("Wirewatch (+https://news.example)", True),
        ("*", True),
        ("* # all", True),
        ("w", False),
        ("wire", False),
        ("Wirewatch-Images", False),
        ("Wirewatcher", False),
        ("NotWirewatch", False),
        ("Googlebot", False),
        ("Mozilla/5.0 (compatible; Wirewatch)", False),
        ("*bot*", False),
        ("**", False),
        ("", False),
        ("ווייר", False),
        ("1", False),
    ],
)
def test_a_group_is_ours_by_our_token_or_by_the_star(agent: str, ours: bool) -> None:
    assert allowed("/a", f"User-agent: {agent}", "Disallow: /") is not ours


@pytest.mark.parametrize(
    "spelling", ["User-agent:", "user-agent :", "USER-AGENT:", "Useragent:", "User agent:", "User-agent"]
)
def test_the_word_before_the_agent_is_read_as_generously_as_protego_reads_it(spelling: str) -> None:
    assert not allowed("/a", f"{spelling} wirewatch", "Disallow: /a")


def test_our_group_takes_the_place_of_the_star() -> None:
    lines = ["User-agent: *", "Disallow: /a", "Crawl-delay: 9", "", "User-agent: Wirewatch", "Disallow: /b"]
    for ordered in (lines, [*lines[4:], *lines[:4]]):
        found = rules(*ordered)
        assert (found.allows(f"{SITE}/a"), found.allows(f"{SITE}/b"), found.crawl_delay_s) == (True, False, None)


def test_groups_of_the_same_agent_are_one() -> None:
    """RFC 9309 section 2.2.1, with the groups of two more agents between and beside them."""
    lines = [
        *("User-agent: Wirewatch", "Disallow: /a"),
        *("User-agent: other", "User-agent: third", "Disallow: /c"),
        *("user-agent: WIREWATCH", "User-agent: other", "Disallow: /b"),
    ]
    assert [allowed(path, *lines) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_a_group_of_several_agents_is_for_each_of_them() -> None:
    assert not allowed("/a", "User-agent: one", "User-agent: wirewatch", "User-agent: two", "Disallow: /a")
    assert allowed("/a", "User-agent: wirewatch", "Disallow: /b", "User-agent: two", "Disallow: /a")


def test_rules_before_any_agent_are_nobodys() -> None:
    assert allowed("/a", "Disallow: /a", "User-agent: *", "Disallow: /b")


def test_the_file_itself_is_always_allowed() -> None:
    forbidding = rules("User-agent: *", "Disallow: /", "Disallow: /robots.txt")
    assert forbidding.allows(f"{SITE}/robots.txt")
    assert not forbidding.allows(f"{SITE}/robots.txt.html")
    assert not forbidding.allows(f"{SITE}/a?/robots.txt")


@pytest.mark.parametrize("url", ["https://[::1", "https://news.example/\ud800", "https://news.example:port/"])
def test_no_url_raises(url: str) -> None:
    assert isinstance(rules("User-agent: *", "Disallow: /b").allows(url), bool)


# --- delay and sitemaps ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10", 10.0),
        ("0.5", 0.5),
        (" 2 # please", 2.0),
        ("300", 300.0),
        ("301", 300.0),
        ("1e308", 300.0),
        ("9" * 400, None),  # infinite as a float
        ("inf", None),
        ("-inf", None),
        ("nan", None),
        ("-5", None),
        ("0", None),
        ("-0", None),
        ("10 s", None),
        ("1,5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_crawl_delay_is_a_number_of_seconds_of_at_most_five_minutes(value: str, seconds: float | None) -> None:
    assert rules("User-agent: *", f"Crawl-delay: {value}").crawl_delay_s == seconds


def test_a_crawl_delay_of_another_agent_is_not_ours() -> None:
    assert rules("User-agent: slow", "Crawl-delay: 9", "User-agent: *", "Disallow:").crawl_delay_s is None


def test_sitemaps_are_named_once_in_order_wherever_they_stand() -> None:
    found = rules(
        "Sitemap: https://news.example/b.xml",
        "User-agent: other",
        "sitemap: http://cdn.example:8080/a.xml.gz # fresh",
        "Sitemap: https://news.example/b.xml",
        "Sitemap: /relative.xml",
        "Sitemap: javascript:alert(1)",
        "Sitemap: https://",
        "Sitemap: https://news.example:port/",
        "Sitemap: https://news.example/\x00",
        "Sitemap:",
    )
    assert found.sitemaps == ("https://news.example/b.xml", "http://cdn.example:8080/a.xml.gz")


# --- bytes -------------------------------------------------------------------------------------

RULES = "User-agent: *\nDisallow: /secret\n"


@pytest.mark.parametrize(
    "body",
    [
        RULES.encode(),
        b"\xef\xbb\xbf" + RULES.encode(),
        RULES.replace("\n", "\r\n").encode(),
        RULES.replace("\n", "\r").encode(),
        b"# caf\xe9 \xff\xfe\n" + RULES.encode(),
        b"\0\0\n" + RULES.encode(),
        b"<!-- a remark -->\n" + RULES.encode(),
        RULES.encode().rstrip(),
    ],
    ids=["plain", "BOM", "CRLF", "CR", "not UTF-8", "NULs", "remark", "no last line end"],
)
def test_rules_are_found_in_bytes_of_many_kinds(body: bytes) -> None:
    found = parse_robots(body)
    assert [found.allows(f"{SITE}/{path}") for path in ("secret", "open")] == [False, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"not found",
        b'{"User-agent": "*", "Disallow": "/"}',
        b"<!DOCTYPE html>\n<pre>\nUser-agent: *\nDisallow: /\n</pre>",
        b"\xef\xbb\xbf \n<HTML>\nUser-agent: *\nDisallow: /\n",
        b"<?xml version='1.0'?>\nUser-agent: *\nDisallow: /\n",
        RULES.encode("utf-16"),
        bytes(MAX_BYTES),
        b"\xff" * 1_000,
    ],
    ids=["nothing", "lines", "words", "JSON", "HTML", "HTML after a BOM", "XML", "UTF-16", "NULs", "no UTF-8"],
)
def test_what_is_no_robots_file_has_no_rules(body: bytes) -> None:
    found = parse_robots(body)
    assert (found.allows(f"{SITE}/secret"), found.crawl_delay_s, found.sitemaps) == (True, None, ())


def filled(start: str, line: str, size: int) -> bytes:
    """Return lines to just this size; the last may be cut."""
    return (start + line * (size // len(line) + 1)).encode()[:size]


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_the_first_500_kib_count_and_the_line_that_is_cut_does_not(line_end: str) -> None:
    before = filled(RULES.replace("\n", line_end), f"Allow: /open{' ' * 60}{line_end}", MAX_BYTES - 12)
    start = before[: before.rfind(line_end[-1].encode()) + 1]
    body = start.ljust(MAX_BYTES - 11, b" ") + line_end.encode() + b"Disallow: /cgi-bin"
    assert body[:MAX_BYTES].endswith(b"Disallow: /"[: 11 - len(line_end)])
    for known in (body, body[:MAX_BYTES], body + b"\nDisallow: /open"):
        found = parse_robots(known)
        assert [found.allows(f"{SITE}/{path}") for path in ("secret", "open", "other")] == [False, True, True]


def numbered(line: str) -> str:
    """Return numbered lines up to 500 KiB."""
    count = MAX_BYTES // len(line.format(10_000))
    return "".join(line.format(number) for number in range(count))


BOMBS = {
    "wildcards": "User-agent: *\n" + numbered("Disallow: /*a*a*a*a*a*{}$\n"),
    "wildcards that nearly match": "User-agent: *\n" + numbered("Disallow: /*aaaaaaaaaaaabaaa{}\n"),
    "agents times rules": numbered("User-agent: a{}\n")[: MAX_BYTES // 2] + "\n" + numbered("Disallow: /{}\n"),
    "agents times rules by other line ends": numbered("User-agent: a{}\x85")[: MAX_BYTES // 3]
    + "\x0b"
    + numbered("Disallow: /{}\x0c"),
    "agents without a colon": numbered("User agent a{}\n")[: MAX_BYTES // 2] + "\n" + numbered("Disallow: /{}\n"),
    "100,000 groups": "User-agent: a\nD: /\n" * 100_000,
    "one rule": "User-agent: *\nDisallow: /" + "*a" * 250_000,
    "one rule of dollars": "User-agent: *\nDisallow: /" + "$" * 500_000,
    "rules with dollars": "User-agent: *\nUser-agent: wirewatch\nUser-agent: x\n" + "Disallow: /$a$\n" * 34_000,
    "short rules": "User-agent: *\nUser-agent: wirewatch\nUser-agent: x\n" + numbered("Allow:ツ{}$\n"),
    "one rule of escapes": "User-agent: *\nDisallow: /" + "%" * 500_000,
    "one agent": "User-agent: " + "a" * 500_000,
    "one word": "a" * 500_000,
    "colons": ":" * 500_000,
    "spaces": " " * 500_000,
    "user and spaces": "user" + " " * 500_000,
    "user agent and spaces": "user agent" + " " * 500_000,
    "hyphens": "user" + "-" * 500_000,
    "lines": "\n" * 500_000,
    "hashes": "#" * 500_000,
    "delay": "User-agent: *\nCrawl-delay: " + "9" * 500_000,
    "rate": "User-agent: *\nRequest-rate: 1/" + "9" * 500_000,
    "sitemaps": numbered("Sitemap: https://news.example/{}\n"),
    "tags": "<" * 500_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_robots_bomb_is_read_in_two_seconds_and_a_url_compared_in_half_of_one(text: str) -> None:
    began = time.process_time()
    found = parse_robots(text.encode())
    assert time.process_time() - began < 2
    for length in (10, 250, 2_000, 60_000):
        began = time.process_time()
        found.allows(f"{SITE}/{'a' * length}")
        assert time.process_time() - began < 0.5


def test_an_address_too_long_to_compare_with_so_many_wildcards_is_not_allowed() -> None:
    found = parse_robots("\n".join(BOMBS["wildcards"].splitlines()[:9_000]).encode())
    assert [found.allows(f"{SITE}/{'b' * length}") for length in (10, 2_000)] == [True, False]


MANY = [f"Disallow: /zz{number}" for number in range(MOST_LINES)]
PATHS = st.text(alphabet="/abé%2FDd8aE*$?=;#:. index.html", max_size=9) | st.sampled_from(
    [
        "/",
        "/a",
        "/*b$",
        "/%D8%AE",
        "/خ",
        "/%d8",
        "/%",
        "/a%2",
        "/a/index.html",
        "https://news.example/a",
        "//a",
        "a",
        "/%FF",
    ]
)
FIELDS = st.sampled_from(["Disallow: ", "Allow: ", "Allow:", "disalow : ", "Disallow ", "allow me: "])
GROUPS = st.sampled_from(["User-agent: *", "User-agent: Wirewatch", "User-agent: somebody", "Crawl-delay: 7"])


@settings(max_examples=200, deadline=None)
@given(st.lists(GROUPS | st.builds("{}{}".format, FIELDS, PATHS), max_size=8), PATHS)
@example(["User-agent: *", "Disallow: /a%41"], "/aA")
@example(["User-agent: *", "Disallow: /", "Allow: /a/index.html"], "/a/")
@example(["User-agent: *", "Disallow: /%FF"], "/%FE")
@example(["User-agent: *", "Disallow: /*2Fb"], "/a%2Fb")
@example(["User-agent: *", "Disallow: /a%*41"], "/a%2541")
@example(["User-agent: *", "Disallow: /a$"], "/a")
@example(["User-agent: *", "Disallow: https://news.example/a"], "/https://news.example/a")
@example(["User-agent: Wirewatch", "Disallow: /b", "User-agent: *", "Disallow: /a"], "/a")
def test_a_long_file_is_obeyed_as_a_short_one(lines: list[str], path: str) -> None:
    short, long = (
        parse_robots("\n".join([*lines, "User-agent: *", *more]).encode()) for more in (["Disallow: /zz"], MANY)
    )
    assert long.allows(f"{SITE}{path}") == short.allows(f"{SITE}{path}")
    assert long.crawl_delay_s == short.crawl_delay_s


@pytest.mark.parametrize(
    ("path", "allowed"), [("/a77", False), ("/b", True), ("/a770", False), ("/c/77", False), ("/c", True)]
)
def test_as_many_rules_as_there_is_room_for_are_obeyed(path: str, allowed: bool) -> None:
    found = parse_robots(("User-agent: *\nDisallow: /c/*7\n" + numbered("Disallow: /a{}\n")).encode())
    assert found.allows(f"{SITE}{path}") is allowed
    assert found.lines < 1_000


def test_more_rules_that_may_match_than_can_be_compared_allow_nothing_of_it() -> None:
    stars = (
        "".join(c + "*" * (number >> place & 1) for place, c in enumerate("abcdefghijklmno"))
        for number in range(32_000)
    )
    found = parse_robots("\n".join(["User-agent: *", *(f"Disallow: /{path}$" for path in stars)])[:MAX_BYTES].encode())
    assert [found.allows(f"{SITE}/{path}") for path in ("abcdefghijklmno-", "b")] == [False, True]


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_noise_is_read_without_an_exception(body: bytes) -> None:
    assert isinstance(parse_robots(body).allows(f"{SITE}/a"), bool)


WORDS = st.sampled_from(["User-agent", "user agent", "Disallow", "Allow", "Crawl-delay", "Sitemap", "Host", "*", "x"])
LINES = st.builds("{}{}{}".format, WORDS, st.sampled_from([":", " ", ": "]), st.text(max_size=8) | WORDS)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=12), st.text(max_size=12))
def test_no_lines_and_no_path_raise(lines: list[str], path: str) -> None:
    assert isinstance(allowed(f"/{path}", *lines), bool)


# --- around it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", range(100, 1000))
def test_every_status_has_one_verdict(status: int) -> None:
    if 200 <= status < 300:
        assert verdict(status) == "parse"
    elif 400 <= status < 500:
        assert verdict(status) == "allow"
    else:
        assert verdict(status) == "unknown"


@pytest.mark.parametrize(
    ("control", "hours"),
    [
        (None, 24),
        ("", 24),
        ("max-age=7200", 2),
        ("public, MAX-AGE=7200", 2),
        ('max-age="7200"', 2),
        ("max-age = 7200, must-revalidate", 2),
        ("max-age=0", 1),
        ("max-age=86400", 24),
        ("max-age=31536000", 24),
        ("max-age=" + "9" * 5_000, 24),
        ("s-maxage=7200", 24),
        ("stale-max-age=7200", 24),
        ("max-age=-5", 24),
        ("max-age=soon", 24),
        ("no-store", 1),
        ("no-cache, max-age=7200", 1),
    ],
)
def test_a_copy_is_used_for_an_hour_to_a_day(control: str | None, hours: int) -> None:
    headers = {} if control is None else {"cache-control": control}
    assert lifetime(headers) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://news.example", "https://news.example"),
        ("https://News.Example/a?b#c", "https://news.example"),
        ("HTTP://news.example/a", "http://news.example"),
        ("http://news.example:80/a", "http://news.example"),
        ("https://news.example:443/a", "https://news.example"),
        ("http://news.example:443/a", "http://news.example:443"),
        ("https://news.example:8443/a", "https://news.example:8443"),
        ("https://user:secret@news.example/a", "https://news.example"),
        ("https://[2606:4700::1111]:8443/a", "https://[2606:4700::1111]:8443"),
        ("https://www.news.example/a", "https://www.news.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected
    assert robots_url(url) == f"{expected}/robots.txt"


@pytest.mark.parametrize(
    "url", ["", "/a", "news.example", "https://", "ftp://news.example/", "https://news.example:x/"]
)
def test_what_is_no_web_address_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):
        origin(url)


OF_GROUPS = st.lists(
    st.sampled_from(
        [
            *("User-agent: *", "User-agent: Wirewatch", "User-agent: somebody", "user agent : another # or two"),
            *("Disallow: /a", "Disallow: /b", "Allow: /a/c", "Allow: /", "Disallow:", "Crawl-delay: 7"),
            *(
                "",
                "# Disallow: /b",
                "Sitemap: https://news.example/map",
                "Host: x",
                "Noindex: /a",
                "nonsense",
                "foo bar",
            ),
        ]
    ),
    max_size=14,
)


@given(OF_GROUPS)
@settings(max_examples=500)
def test_leaving_out_the_rules_of_somebody_else_changes_nothing_for_us(lines: list[str]) -> None:
    body = "\n".join(lines)
    found, expected = parse_robots(body.encode()), Protego.parse(body)
    paths = [f"{SITE}/{path}" for path in ("a", "a/c", "b", "other")]
    assert [found.allows(path) for path in paths] == [expected.can_fetch(path, "wirewatch") for path in paths]
    assert found.crawl_delay_s == expected.crawl_delay("wirewatch")


def test_the_rules_of_somebody_else_take_no_room() -> None:
    others = "".join(f"User-agent: a{number}\nDisallow: /{number}\n" for number in range(MOST_LINES))
    found = parse_robots(f"{others}User-agent: *\nDisallow: /a".encode())
    assert found.lines < 100
    assert [found.allows(f"{SITE}/{path}") for path in "ab"] == [False, True]
