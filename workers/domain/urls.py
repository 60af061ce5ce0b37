"""The identity of an article: its canonical URL. Pure, total, idempotent.

What is fetched is the URL as the feed gave it; this form only says whether two links are the same article. A ready
canonicaliser would be welcome, but those tried change meaning: paths and empty parameters lost, hosts altered,
exceptions on odd input.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit, urlunsplit

from workers.domain.tracking import is_tracking

#: Of the rule behind `canonical_url`; stored with each identity. Raised with every change of what it returns, and the
#: rule before it joins `older_keys`.
CANON_VERSION = 2
#: Longer links are accidents; they would not fit the index of PostgreSQL, nor most servers' request line.
MAX_URL = 2_000
#: What IDNA takes for a dot (RFC 3490 section 3.1).
DOTS = ".。．｡"
DEFAULT_PORT = {"http": 80, "https": 443}
ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
#: Browsers drop these from a link, wherever they stand (WHATWG URL Standard, "basic URL parser").
DROPPED = re.compile(r"[\t\r\n]")
#: Letters of a host: DNS knows none that is longer (RFC 1035 section 2.3.4), and IDNA takes seconds over them.
MAX_HOST = 253
#: Control characters and lone surrogates: no request and no store can hold them.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
#: Letters that Python's IDNA (of 2003) writes as others or drops, so that two hosts would be one: sharp s, final sigma,
#: the joiners of Persian and Indic names (UTS 46, "deviation characters").
DEVIATIONS = frozenset("ßς\u200c\u200d")
#: The parameters that version 1 left out.
_TRACKING_1 = re.compile(
    r"^(utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|yclid|msclkid|igshid|mc_[ce]id|ocid|cmpid|ns_\w+|at_\w+|_ga|ref_src"
    r"|wt_mc|rss|from_rss|xtor|spm)$",
    re.IGNORECASE,
)


def web_link(base: str, link: str) -> str | None:
    """Return `link` made absolute against `base`, as a browser would.

    None unless it is http(s) with a host and without credentials, of at most `MAX_URL` visible characters.
    """
    try:
        url = urljoin(base, DROPPED.sub("", link).strip())
    except ValueError:
        return None
    return url if _web_parts(url) and len(url) <= MAX_URL and not UNWRITABLE.search(url) else None


def absolute_link(base: str, link: str) -> str | None:
    """Return a feed's `link` made absolute against the feed's final URL.

    None where `web_link` is, and for a link that leads to the feed itself (as an empty link does).
    """
    url = web_link(base, link)
    return None if url is None or urldefrag(url).url == urldefrag(base).url else url


def canonical_url(url: str) -> str:
    """Return the form under which a URL is known (version `CANON_VERSION`); what is no web address stays as it is.

    Host in lower case and ASCII (IDNA), the scheme's own port left out, no fragment, no dot segments, escapes in upper
    case, no tracking parameters; a path with and without its last slash are one. `http` and `https`, a host with and
    without `www.`, and parameters in another order are two: only the site can say that they are the same.
    """
    parts = _web_parts(url)
    if parts is None:
        return url
    port = None if parts.port == DEFAULT_PORT[parts.scheme] else parts.port
    return _written(parts.scheme, ascii_host(parts.hostname or ""), port, parts, is_tracking)


def older_keys(url: str) -> dict[int, str]:
    """Return the forms under which earlier versions of the rule knew a URL: version -> form.

    To be compared with identities of the same version only: each version tells other things apart.
    """
    return {1: _canonical_url_1(url)}


def ascii_host(host: str) -> str:
    """Return a host in lower case and as DNS writes it; one that DNS cannot know stays, and the fetch will say so."""
    lower = host.lower().rstrip(DOTS)
    return _netloc(lower) if not DEVIATIONS.isdisjoint(lower) else _idna_host(host)


def _canonical_url_1(url: str) -> str:
    """Return the form of version 1: always https, neither scheme's port, a shorter list of parameters."""
    parts = _web_parts(url)
    if parts is None:
        return url
    port = None if parts.port in DEFAULT_PORT.values() else parts.port
    return _written("https", _idna_host(parts.hostname or ""), port, parts, lambda name: bool(_TRACKING_1.match(name)))


def _web_parts(url: str) -> SplitResult | None:
    """Return the parts of an http(s) URL with a host, a possible port and no credentials; else None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    is_web = parts.scheme in DEFAULT_PORT and host and host.strip(DOTS) and "@" not in parts.netloc
    return parts if is_web else None


def _written(scheme: str, host: str, port: int | None, parts: SplitResult, is_left_out: Callable[[str], bool]) -> str:
    """Put the parts together again, path and query in their one spelling."""
    path = _upper_escapes(_without_dots(parts.path)).rstrip("/") or "/"
    query = "&".join(
        _upper_escapes(pair) for pair in parts.query.split("&") if pair and not is_left_out(pair.split("=", 1)[0])
    )
    return urlunsplit((scheme, host if port is None else f"{host}:{port}", path, query, ""))


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _idna_host(host: str) -> str:
    if ":" in host:
        return _netloc(host)
    host = host.rstrip(DOTS)
    if len(host) > MAX_HOST:
        return host.lower()
    with suppress(UnicodeError):  # no name that DNS knows: it stays as it is
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
