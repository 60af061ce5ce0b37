"""The identity of an article: its canonical URL. Pure, total, idempotent.

What is fetched is the URL as the feed gave it; this form only says whether two links are the same article. A ready
canonicaliser would be welcome, but those tried change meaning (RELIABILITY.md S13: paths and empty parameters lost,
hosts altered, exceptions on odd input).
"""

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

#: Query parameters that say how a reader came, never what is read.
TRACKING = re.compile(
    r"^(utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|yclid|msclkid|igshid|mc_[ce]id|ocid|cmpid|ns_\w+|at_\w+|_ga|ref_src"
    r"|wt_mc|rss|from_rss|xtor|spm)$",
    re.IGNORECASE,
)
ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
DEFAULT_PORT = {"http": 80, "https": 443}


def absolute_link(base: str, link: str) -> str | None:
    """Return `link` made absolute against the feed's final URL; None unless it is http(s) with a host."""
    try:
        url = urljoin(base, link.strip())
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None or parts.password is not None:
        return None
    return url


def canonical_url(url: str) -> str:
    """Return the form under which an absolute http(s) URL is known.

    Host in lower case and ASCII (IDNA), no default port, no fragment, no dot segments, escapes in upper case, no
    tracking parameters; `http` and `https` are one, and so are a path with and without its last slash.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = host.lower()
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port in {None, DEFAULT_PORT.get(parts.scheme)} else f":{parts.port}"
    path = _upper_escapes(_without_dots(parts.path)).rstrip("/") or "/"
    query = "&".join(
        _upper_escapes(pair) for pair in parts.query.split("&") if pair and not TRACKING.match(pair.split("=", 1)[0])
    )
    return urlunsplit(("https", host + port, path, query, ""))


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
