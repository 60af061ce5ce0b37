"""What a body really is. The Content-Type header is a hint; the first bytes decide."""

#: First bytes of what a server may send in place of a page.
_MAGIC = {
    b"%PDF-": "pdf",
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"RIFF": "webp, avi or wav",
    b"PK\x03\x04": "zip or office document",
    b"\xd0\xcf\x11\xe0": "office document",
    b"Rar!": "rar",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"ID3": "mp3",
    b"OggS": "ogg",
    b"\x1aE\xdf\xa3": "matroska or webm",
    b"\x00\x00\x01\x00": "icon",
    b"{\\rtf": "rtf",
}
_SNIFFED = 1024
_FEED_ROOTS = (b"<rss", b"<feed", b"<rdf:rdf", b"<urlset", b"<sitemapindex", b"<svg", b"<error")


def not_html(body: bytes) -> str | None:
    """Name the kind of a body that is not a page, or return None when it may be one (text counts as one)."""
    head = body[:_SNIFFED]
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "mp4 or heic"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in {b"{", b"["}:
        return None if b"<html" in head.lower() else "json"
    lowered = start.lower()
    if lowered.startswith((b"<?xml", *_FEED_ROOTS)) and b"<html" not in lowered:
        return "xml" if any(root in lowered for root in _FEED_ROOTS) else None
    if head.startswith((b"\xfe\xff", b"\xff\xfe")):  # UTF-16: every other byte is NUL by right
        return None
    return "binary" if b"\x00" in head else None
