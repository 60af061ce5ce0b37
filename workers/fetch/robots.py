"""robots.txt by RFC 9309: what a site asks of us. Pure; protego reads the rules, the bounds around it are ours.

protego 0.7.0 works on every pair of an agent and a rule (4,000 of each: 29 s) and takes `User-agent: w` for us, so the
agents are renamed before it sees them: ours, everybody's, and one name for all the others.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from protego import Protego

#: Our product token (RFC 9309 section 2.2.1): what a site writes after `User-agent:` to speak to us.
PRODUCT = "Wirewatch"
#: RFC 9309 section 2.5: at least this much is parsed; more is not read.
MAX_BYTES = 500 * 1024
#: RFC 9309 section 2.4: a copy is not used for longer, unless no newer one can be had.
MAX_AGE = timedelta(hours=24)
#: `Cache-Control` may ask for less, but robots.txt shall not cost as many requests as the pages.
MIN_AGE = timedelta(hours=1)
#: A longer one would mean fewer than 300 pages a day, and is more often a mistake than a wish.
LONGEST_DELAY_S = 300.0
#: Lines that are worked with, of groups that speak to us, without comments: each takes up to a KB of memory. The
#: longest of 542 real files has 1,931 in all.
MOST_LINES = 10_000
#: What a parsed file without a rule takes (KB).
LEAST_LINES = 20
#: Wildcard rules times characters of a URL: 5 million take some 50 ms. The most of 542 real files: 230 rules.
MOST_WORK = 5_000_000

Verdict = Literal["allow", "parse", "unknown"]

_AGENT = re.compile(r"\s*user[\s-]*agent(?:\s*:|\s)(?P<value>[^#]*)", re.IGNORECASE)
_RULE = re.compile(r"(?:dis)?allow\s*:|crawl-delay\s*:", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:sitemap|host)\s*:", re.IGNORECASE)
_TOKEN = re.compile(r"\*(?=\s|$)|[a-z_-]+", re.IGNORECASE)
_HTML = re.compile(r"\s*<(?:!doctype|\?xml|html|head|body)\b", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_UNCACHED = re.compile(r"(?:^|[,\s])no-(?:store|cache)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a robots.txt says to us: the groups of our token, or those of `*` when there are none."""

    crawl_delay_s: float | None  # above 0, at most `LONGEST_DELAY_S`
    sitemaps: tuple[str, ...]  # absolute http(s) URLs, in order
    lines: int  # what they weigh in memory, up to a KB each; a short file as LEAST_LINES
    _parsed: Protego
    _wildcards: int
    _is_endless: bool = False  # more than can be worked with: nothing is allowed then

    def allows(self, url: str) -> bool:
        """Return whether this URL of the same origin may be fetched; /robots.txt always may.

        False too for what is no URL, for one that would take too long to compare with wildcards without number, and
        where the rules themselves are without number.
        """
        if self._is_endless or self._wildcards * len(url) > MOST_WORK:
            return False
        try:
            return self._parsed.can_fetch(url, PRODUCT)
        except ValueError:
            return False


def parse_robots(body: bytes) -> Rules:
    """Return the rules of a robots.txt, the first `MAX_BYTES` of it. Never raises: what cannot be read has no rules.

    Bounded: under a second for the worst body known, 5 ms for the longest of 542 real ones.
    """
    if len(body) >= MAX_BYTES:  # the last line is cut, and `Disallow: /` may be left of `Disallow: /cgi-bin`
        body = body[: max(body.rfind(b"\n", 0, MAX_BYTES), body.rfind(b"\r", 0, MAX_BYTES), 0)]
    text = body.decode("utf-8-sig", "replace")
    lines = [] if _HTML.match(text) else list(_of_interest(text.splitlines()))
    if is_endless := len(lines) > MOST_LINES:
        lines = []
    parsed = Protego.parse("\n".join(lines))
    delay = parsed.crawl_delay(PRODUCT)
    return Rules(
        crawl_delay_s=min(delay, LONGEST_DELAY_S) if delay else None,
        sitemaps=tuple(dict.fromkeys(filter(_is_web_address, parsed.sitemaps))),
        lines=max(len(lines), LEAST_LINES),
        _parsed=parsed,
        _wildcards=len({line.strip() for line in lines if "*" in line}),
        _is_endless=is_endless,
    )


def verdict(status: int) -> Verdict:
    """Return what the final status of /robots.txt means (RFC 9309 section 2.3.1).

    "allow": there are no rules. "unknown": nothing may be fetched until the rules are known. A 429 is an "allow" as
    every 4xx; that its host wants fewer requests is heard by whoever made this one.
    """
    if 200 <= status < 300:
        return "parse"
    return "allow" if 400 <= status < 500 else "unknown"


def lifetime(headers: Mapping[str, str]) -> timedelta:
    """Return for how long a copy is used: `MAX_AGE`, or less where `Cache-Control` asks for it (RFC 9309 section 2.4).

    `headers`: names in lower case.
    """
    control = headers.get("cache-control", "")
    if _UNCACHED.search(control):
        return MIN_AGE
    named = _MAX_AGE.search(control)
    return min(max(timedelta(seconds=int(named[1])), MIN_AGE), MAX_AGE) if named else MAX_AGE


def origin(url: str) -> str:
    """Return scheme, host and port (a default port left out): what one robots.txt speaks for (RFC 9309 section 2.3).

    Raises ValueError for what is no http(s) URL with a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"no http(s) URL with a host: {url[:200]!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")


def robots_url(url: str) -> str:
    """Return the address of the robots.txt that speaks for this URL. Raises ValueError as `origin` does."""
    return f"{origin(url)}/robots.txt"


def _of_interest(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines with their agents as one of three: us, everybody, somebody else; not the rules of somebody else.

    Lines of which it is not sure what protego makes of them stay, and so does all that could belong to their group.
    """
    last, is_ours, had_rules = "", False, False
    for whole in lines:
        line = _renamed(whole.partition("#")[0].strip())
        if not line or line == last:
            continue
        if line.startswith("User-agent: "):
            is_ours = (is_ours and not had_rules) or line != "User-agent: other"
            had_rules = False
        elif _RULE.match(line):
            had_rules = True
            if not is_ours:
                continue
        elif not _SITE_WIDE.match(line):
            is_ours, had_rules = True, False
        last = line
        yield line


def _renamed(line: str) -> str:
    """Return a line with its agent, if it names one, as one of three."""
    agent = _AGENT.match(line)
    named = agent["value"].strip() if agent else ""
    if not named:
        return line
    token = _TOKEN.match(named)  # "Wirewatch/1.0" names us too
    known = {"*": "*", PRODUCT.lower(): PRODUCT}
    return f"User-agent: {known.get(token[0].lower(), 'other') if token else 'other'}"


def _is_web_address(url: str) -> bool:
    try:
        origin(url)
    except ValueError:
        return False
    return url.isprintable()
