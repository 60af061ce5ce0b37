"""Names and addresses as other formats want them: URIs of ASCII, and ids that never change. Pure."""

import re
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

#: What RFC 3986 lets stand in a URI (section 2.2 and 2.3), and the percent sign of what is encoded already.
_URI = "%:/?#[]@!$&'()*+,;=-._~"
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def uri(address: str | None) -> str | None:
    """Return a web address as a URI: other letters percent-encoded; None for what is no http address."""
    if address is None or not address.lower().startswith(("http://", "https://")):
        return None
    return quote(_BARE_PERCENT.sub("%25", address), safe=_URI)


def article_uri(article_id: str) -> str:
    """Return the name of an article for ever (RFC 9562, section 4)."""
    return f"urn:uuid:{article_id}"


def feed_uri(ledger: str, query: str) -> str:
    """Return the name of a feed for ever: of one question to one ledger, wherever it is asked."""
    return UUID(str(uuid5(NAMESPACE_URL, f"urn:wirewatch:{ledger}:feed?{query}"))).urn
