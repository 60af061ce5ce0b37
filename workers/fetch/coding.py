"""Content coding undone in bounded pieces. Pure; httpx's own decoders are unbounded (RELIABILITY.md finding 4)."""

import zlib
from collections.abc import Iterator

#: Codings that are taken; `Accept-Encoding` names no other.
OFFERED = "gzip, deflate"
DEFLATED = {"gzip", "x-gzip", "deflate"}
PLAIN = {"", "identity"}

#: Bytes that one step may make, so that a bomb is seen after this much and not after a gigabyte.
PIECE = 1 << 16


class CodingError(ValueError):
    """The body is not what its `Content-Encoding` says."""


class Decoder:
    """Undoes one layer of a content coding, piece by piece; what follows the end of a gzip stream is ignored."""

    def __init__(self, coding: str) -> None:
        """Raises CodingError for a coding that was not offered (two layers are one too)."""
        if coding not in PLAIN | DEFLATED:
            raise CodingError(f"content-encoding {coding[:100]!r} was not offered")
        self._coding = coding
        self._inflate: zlib._Decompress | None = None

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk decodes to, at most `PIECE` bytes at a time. Raises CodingError."""
        if self._coding in PLAIN:
            yield chunk
            return
        if self._inflate is None:
            if not chunk:
                return
            self._inflate = zlib.decompressobj(wbits=self._wbits(chunk[0]))
        while chunk and not self._inflate.eof:
            try:
                yield self._inflate.decompress(chunk, PIECE)
            except zlib.error as error:
                raise CodingError(f"{self._coding}: {error}") from error
            chunk = self._inflate.unconsumed_tail

    def finish(self) -> None:
        """Raise CodingError when the body ended in the middle of its stream."""
        if self._inflate is not None and not self._inflate.eof:
            raise CodingError(f"{self._coding}: cut off")

    def _wbits(self, first: int) -> int:
        if self._coding == "deflate" and first & 0x0F != 8:
            return -zlib.MAX_WBITS  # the old mistake: deflate without its zlib header (RFC 9110 section 8.4.1.2)
        return zlib.MAX_WBITS | 32  # gzip or zlib, by the header
