"""robots.txt by RFC 9309: what a site asks of us. Pure; protego reads the rules, the bounds around it are ours.

protego 0.7.0 works on every pair of an agent and a rule (4,000 of each: 29 s) and takes `User-agent: w` for us, so the
agents are renamed before it sees them: ours, everybody's, and one name for all the others.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal
from urllib.parse import unquote, urlsplit

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
#: Lines that protego holds at once, of groups that speak to us, without comments: each takes up to a KB of memory. A
#: longer file is kept as text, and of its rules only those that may speak of a URL are parsed. The longest of 542 real
#: files has 1,931 in all.
MOST_LINES = 5_000
#: What a parsed file without a rule takes (KB).
LEAST_LINES = 20
#: Wildcard rules times characters of a URL: 5 million take some 50 ms. The most of 542 real files: 230 rules.
MOST_WORK = 5_000_000

#: A line that belongs to a group and asks for nothing.
NO_RULE = "Disallow:"

Verdict = Literal["allow", "parse", "unknown"]

_AGENT = re.compile(r"\s*user[\s-]*agent(?:\s*:|\s)(?P<value>[^#]*)", re.IGNORECASE)
_RULE = re.compile(r"(?:dis)?allow\s*:|crawl-delay\s*:", re.IGNORECASE)
_PATH = re.compile(r"(?:allow|dis?s?all?ow|diasllow|disallaw)\b\s*:?\s*(?P<path>.*)", re.IGNORECASE)
#: What parts the plain pieces of a path.
_JOKER = re.compile(r"[*$\s]")
#: Half an escape, and what protego reads as a folder.
_UNCLEAR_END = re.compile(r"(?:%[0-9a-f]?|index\.html)$", re.IGNORECASE)
#: What may match the end of an escape (protego looks for `*2Fa` in an address with its escapes).
_UNCLEAR_START = re.compile(r"^[0-9a-f]{1,2}", re.IGNORECASE)
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
    _parsed: Protego | None  # None: there are more than MOST_LINES
    _wildcards: int
    _text: str = ""  # the lines, where they are not parsed

    def allows(self, url: str) -> bool:
        """Return whether this URL of the same origin may be fetched; /robots.txt always may.

        False too for what is no URL, and for one that cannot be compared with the rules in bounds: too long for so many
        wildcards, or more than `MOST_LINES` rules that may match it.
        """
        if self._wildcards * len(url) > MOST_WORK:
            return False
        try:
            parsed = self._parsed or self._about(url)
            return parsed.can_fetch(url, PRODUCT)
        except ValueError:
            return False

    def _about(self, url: str) -> Protego:
        """Return the rules that may match `url`. Raises ValueError where they are more than `MOST_LINES`."""
        lines = list(_about(url, self._text.split("\n")))
        if sum(line != NO_RULE and _PATH.match(line) is not None for line in lines) > MOST_LINES:
            raise ValueError(f"more than {MOST_LINES} rules may match {url[:200]!r}")
        return Protego.parse("\n".join(lines))


def parse_robots(body: bytes) -> Rules:
    """Return the rules of a robots.txt, the first `MAX_BYTES` of it. Never raises: what cannot be read has no rules.

    Bounded: under a second for the worst body known, 5 ms for the longest of 542 real ones.
    """
    if len(body) >= MAX_BYTES:  # the last line is cut, and `Disallow: /` may be left of `Disallow: /cgi-bin`
        body = body[: max(body.rfind(b"\n", 0, MAX_BYTES), body.rfind(b"\r", 0, MAX_BYTES), 0)]
    text = body.decode("utf-8-sig", "replace")
    lines = [] if _HTML.match(text) else list(_of_interest(text.splitlines()))
    if len(lines) <= MOST_LINES:
        return _rules(lines)
    text = "\n".join(lines)
    return replace(
        _rules(list(_about(None, lines))),
        lines=LEAST_LINES + len(text) // 1000,
        _parsed=None,
        _wildcards=_wildcards(lines),
        _text=text,
    )


def _rules(lines: Sequence[str]) -> Rules:
    parsed = Protego.parse("\n".join(lines))
    delay = parsed.crawl_delay(PRODUCT)
    return Rules(
        crawl_delay_s=min(delay, LONGEST_DELAY_S) if delay else None,
        sitemaps=tuple(dict.fromkeys(filter(_is_web_address, parsed.sitemaps))),
        lines=max(len(lines), LEAST_LINES),
        _parsed=parsed,
        _wildcards=_wildcards(lines),
    )


def _wildcards(lines: Iterable[str]) -> int:
    return len({line.strip() for line in lines if "*" in line})


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


def _about(url: str | None, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines with an empty rule in the place of each that cannot match `url` (None: of all), so that groups stay.

    It never judges: what could match by its beginning is left to protego. Raises ValueError for what is no URL.
    """
    path = None if url is None else _readable(url)
    last = ""
    for whole in lines:
        rule = _PATH.match(whole)
        line = whole if rule is None or (path and _may_match(rule["path"], path)) else NO_RULE
        if line != last:
            yield line
        last = line


def _readable(url: str) -> str:
    """Return path and query of a URL without escapes."""
    parts = urlsplit(url.partition("#")[0])
    path = unquote(parts.path + (f"?{parts.query}" if "?" in url else ""))
    return path if path.startswith("/") else f"/{path}"


def _may_match(rule: str, path: str) -> bool:
    """Return whether all plain pieces of a rule's path are in the readable `path`, the first at its beginning."""
    if rule.startswith(("https://", "http://")):
        rule = f"/{rule}"
    first, *others = (plain for piece in _JOKER.split(rule) for plain in _plain(piece))
    return path.startswith(first) and all(_UNCLEAR_START.sub("", piece) in path for piece in others)


def _plain(piece: str) -> list[str]:
    """Return a piece without its escapes, parted where it is no UTF-8: protego takes all such for the same."""
    clear = _UNCLEAR_END.sub("", piece)
    return unquote(clear).split("\ufffd") if "%" in clear else [clear]


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
