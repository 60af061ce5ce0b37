"""Text that the store can take. Pure.

The rooms clean what they make of a publisher's bytes; here only what no row may hold is taken out, so that nothing
that comes from outside can make a row unstorable (RELIABILITY.md Q23).
"""

from hashlib import sha256

#: A traceback or a server's answer keeps this many characters: enough to understand it, not enough to fill a disk.
DETAIL_LIMIT = 4_000

#: Bytes of a key that stand in an index as they are; PostgreSQL's B-tree takes at most 2,704 a row.
KEY_LIMIT = 500


def storable(text: str) -> str:
    """Return `text` without NUL, and with `?` for each half character (a lone surrogate)."""
    return text.replace("\0", "").encode(errors="replace").decode()


def detail_text(text: str) -> str:
    """Return a detail as the ledger keeps it: beginning and end, for the end of a traceback is what matters."""
    text = storable(text)
    if len(text) <= DETAIL_LIMIT:
        return text
    half = DETAIL_LIMIT // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def index_key(text: str) -> str:
    """Return a key that any index can hold: as it is, or its SHA-256 where it is long."""
    text = storable(text)
    raw = text.encode()
    return text if len(raw) <= KEY_LIMIT else sha256(raw).hexdigest()
