"""Which hosts are one site, and what a page may say of its own identity. Pure.

The Public Suffix List comes inside the `tld` package. Its private part counts (`blogspot.com`, `github.io`): two blogs
with one landlord are two sites, and neither may speak for the other.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import SplitResult, urlsplit

from workers.domain.urls import DOTS, MAX_URL, ascii_host, canonical_url, web_link

if TYPE_CHECKING:
    from tld.base import BaseTLDSourceParser

#: Files that a server gives for their folder.
INDEXES = frozenset(f"{name}.{kind}" for name in ("index", "default") for kind in ("html", "htm", "php", "asp", "aspx"))
#: Last segments of another dress of the same article: `/story/amp` is `/story`.
DRESSES = frozenset(("amp", "amp.html", "print", "mobile"))
#: Parameters that choose what is read: a claim that drops one of them speaks of the script, not of the article.
CHOOSING = frozenset((
    "p", "a", "n", "v", "art", "article", "story", "news", "item", "post", "doc", "key", "code", "slug", "title",
    "name", "lang", "language", "locale", "hl",
))  # fmt: skip
CHOOSING_ENDS = ("id", "no", "nr", "num", "idx")

#: Never in a domain (URL Standard, forbidden domain code points; and the spaces that Unicode has besides): such a host
#: is an address of version 6, or nonsense.
FORBIDDEN = re.compile(r"[\s\x00-\x20\x7f#%/:<>?@\[\\\]^|]")

_DOT = re.compile(f"[{re.escape(DOTS)}]")


def registrable_domain(host: str) -> str | None:
    """Return the domain that somebody registered: the public suffix and one label (`bbc.co.uk`), in ASCII.

    None for an address, a name under no listed suffix, and a suffix itself. The first call of a process loads the
    list: about 0.1 s and 12 MB.
    """
    name = ascii_host(host)
    labels = _DOT.split(name)
    if not all(labels) or FORBIDDEN.search(name):
        return None
    from tld import get_tld  # late: most commands never ask

    # the list has names in their own letters
    written = SplitResult("https", ".".join(map(_in_letters, labels)), "", "", "")
    suffix = get_tld(written, fail_silently=True, parser_class=_suffix_list())
    if not isinstance(suffix, str):
        return None
    count = suffix.count(".") + 1
    # once more: a ß further down had kept the whole name in its own letters
    return ascii_host(".".join(labels[-count - 1 :])) if len(labels) > count else None


def same_site(one: str, other: str) -> bool:
    """Return whether two URLs belong to one registrable domain; where there is none, whether the host is the same."""
    hosts = [_host(url) for url in (one, other)]
    if None in hosts:
        return False
    if hosts[0] == hosts[1]:
        return True
    domains = {registrable_domain(host) for host in hosts if host}
    return len(domains) == 1 and None not in domains


def accepted_canonical(page_url: str, claimed: str) -> str | None:
    """Return the identity that a page's rel=canonical gives it (in the form of `canonical_url`), if it can be believed.

    None for a claim that is no web address or too long, that leads to another site, or that names less than this page:
    the home page, a folder above the page, the same script without the parameters that choose the article. Careless
    outlets put such a link on every article, and believing it would make all of them one. What is wrongly refused only
    costs an entry found twice.
    """
    url = web_link(page_url, claimed)
    if url is None or not same_site(page_url, url):
        return None
    own, other = canonical_url(page_url), canonical_url(url)
    if len(other) > MAX_URL:
        return None
    return other if own == other or not _names_less(urlsplit(own), urlsplit(other)) else None


def accepted_redirect(url: str, final: str, *, permanent: bool) -> bool:
    """Return whether a redirect says what a link's identity is: that `url` and `final` are one article.

    Not where it leads to less (a home page, a folder above: what outages and removed articles redirect to), nor to
    another site for the time being (a login, a consent page).
    """
    if not permanent and not same_site(url, final):
        return False
    own, other = urlsplit(canonical_url(url)), urlsplit(canonical_url(final))
    if _segments(own.path) == _segments(other.path) and own.query == other.query:
        return True  # another scheme or host of the same page
    if not same_site(url, final):
        return bool(_segments(other.path) or other.query)
    # for the time being, to a page at the top of the site: /login, /maintenance
    return not _names_less(own, other) and (permanent or len(_segments(other.path)) > 1)


def _names_less(own: SplitResult, other: SplitResult) -> bool:
    here, there = _segments(own.path), _segments(other.path)
    if not there and not other.query:
        return True
    if here[: len(there)] == there and not DRESSES.issuperset(here[len(there) :]):
        return True
    return here[-1:] == there[-1:] and not _choosing(own.query) <= _choosing(other.query)


def _segments(path: str) -> list[str]:
    segments = [segment for segment in path.split("/") if segment]
    return segments[:-1] if segments and segments[-1].lower() in INDEXES else segments


def _choosing(query: str) -> set[str]:
    """Return the pairs of a query that choose what is read."""
    names = {pair: pair.split("=", 1)[0].lower().removeprefix("amp;") for pair in query.split("&") if pair}
    return {pair for pair, name in names.items() if name in CHOOSING or name.endswith(CHOOSING_ENDS)}


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return ascii_host(host) if host else None


def _in_letters(label: str) -> str:
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


@cache
def _suffix_list() -> "type[BaseTLDSourceParser]":
    from tld.utils import MozillaTLDSourceParser

    class BundledSuffixList(MozillaTLDSourceParser):
        """The list inside the package. The package would answer a failure to read it (even for want of file handles)
        with a download, past our one guarded way out; here it is an error."""

        uid = "wirewatch"

        @classmethod
        def update_tld_names(cls, fail_silently: bool = False) -> NoReturn:
            raise OSError("the public suffix list inside the package tld cannot be read")

    return BundledSuffixList
