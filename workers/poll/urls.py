"""The identity of an article: its canonical URL. Pure, total, idempotent.

What is fetched is the URL as the feed gave it; this form only says whether two links are the same article. A ready
canonicaliser would be welcome, but those tried change meaning (RELIABILITY.md S13: paths and empty parameters lost,
hosts altered, exceptions on odd input).
"""

import re
from contextlib import suppress
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

#: Query parameters that say how a reader came, never what is read.
TRACKING = re.compile(
    r"^(utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|yclid|msclkid|igshid|mc_[ce]id|ocid|cmpid|ns_\w+|at_\w+|_ga|ref_src"
    r"|wt_mc|rss|from_rss|xtor|spm)$",
    re.IGNORECASE,
)
ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
#: Longer links are accidents; they would not fit the index of PostgreSQL, nor most servers' request line.
MAX_URL = 2_000
#: Browsers drop these from a link, wherever they stand (WHATWG URL Standard, "basic URL parser").
DROPPED = re.compile(r"[\t\r\n]")
#: Control characters and lone surrogates: no request and no store can hold them.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
#: What IDNA takes for a dot (RFC 3490 section 3.1).
DOTS = ".。．｡"
DEFAULT_PORT = {"http": 80, "https": 443}


def absolute_link(base: str, link: str) -> str | None:
    """Return `link` made absolute against the feed's final URL.

    None unless it is http(s) with a host and without credentials, of at most `MAX_URL` visible characters, and leads
    elsewhere than to the feed itself (as an empty link does).
    """
    try:
        url = urljoin(base, DROPPED.sub("", link).strip())
        if urldefrag(url).url == urldefrag(base).url:
            return None
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORT or not host or not host.strip(DOTS) or "@" in parts.netloc:
        return None
    return None if len(url) > MAX_URL or UNWRITABLE.search(url) else url


def canonical_url(url: str) -> str:
    """Return the form under which a URL is known; for every URL that `absolute_link` lets through.

    Host in lower case and ASCII (IDNA), no default port, no fragment, no dot segments, escapes in upper case, no
    tracking parameters; `http` and `https` are one, and so are a path with and without its last slash.
    """
    parts = urlsplit(url)
    host = _ascii_host(parts.hostname or "")
    port = "" if parts.port in {None, *DEFAULT_PORT.values()} else f":{parts.port}"
    path = _upper_escapes(_without_dots(parts.path)).rstrip("/") or "/"
    query = "&".join(
        _upper_escapes(pair) for pair in parts.query.split("&") if pair and not TRACKING.match(pair.split("=", 1)[0])
    )
    return urlunsplit(("https", host + port, path, query, ""))


def _ascii_host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    host = host.rstrip(DOTS)
    with suppress(UnicodeError):  # no name that DNS knows: it stays as it is, and the fetch will say so
        host = host.encode("idna").decode("ascii")
    return host.lower()


def _without_dots(path: str) -> str:
    """Resolve `.` and `..` (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept)


def _upper_escapes(part: str) -> str:
    return ESCAPE.sub(lambda match: match.group().upper(), part)
