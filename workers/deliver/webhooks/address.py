"""Where changes may be pushed to, as far as an address alone says. Pure."""

from urllib.parse import urlsplit


def why_unusable(url: str) -> str | None:
    """Return why nothing could be sent to an address; None when something could."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError as error:
        return str(error)
    if not usable or not url.isprintable() or " " in url:
        return "must be http:// or https://, with a host and without a password"
    return None
