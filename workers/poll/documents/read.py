"""One entry point for what a source answers: its bytes become entries, by the source's kind. Pure."""

import zlib
from datetime import datetime

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import Source
from workers.poll.documents.feed import parse_feed
from workers.poll.documents.listing import parse_listing
from workers.poll.documents.parsed import ParsedFeed
from workers.poll.documents.sitemap import parse_sitemap

GZIP = b"\x1f\x8b"
#: Bytes of a document when its own gzip is undone: as much as one answer may have.
MAX_BYTES = 10_000_000


def read_source(source: Source, body: bytes, *, url: str, content_type: str, now: datetime) -> ParsedFeed:
    """Return what a document of this source holds; `url` is where it was found at last.

    A document that is packed in gzip of its own (`sitemap.xml.gz`; told by its first bytes) is unpacked, one layer, up
    to `MAX_BYTES`.
    """
    if body.startswith(GZIP):
        unpacked = _unpacked(body)
        if isinstance(unpacked, ParsedFeed):
            return unpacked
        body = unpacked
    if source.kind == "sitemap":
        return parse_sitemap(body, url=url, content_type=content_type, now=now)
    if source.kind == "listing":
        return parse_listing(body, url=url, content_type=content_type, pattern=source.links)
    return parse_feed(body, url=url, content_type=content_type)


def _unpacked(body: bytes) -> bytes | ParsedFeed:
    """Undo gzip; zlib itself holds the bound, so a bomb costs no more than `MAX_BYTES`."""
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = gzip.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        return ParsedFeed(FeedOutcome.BROKEN_BODY, detail=f"gzip: {error}")
    if len(plain) > MAX_BYTES:
        return ParsedFeed(FeedOutcome.TOO_LARGE, detail=f"over {MAX_BYTES} bytes when unpacked")
    if not gzip.eof:
        return ParsedFeed(FeedOutcome.BROKEN_BODY, detail="gzip: cut off")
    return plain
