"""Signatures of webhooks, as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com). Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

#: Before the base64 of a symmetric secret.
PREFIX = "whsec_"

#: Bytes of a secret; the standard asks for 24 to 64.
SECRET_BYTES = 32

#: CloudEvents 1.0, HTTP binding, structured mode.
CONTENT_TYPE = "application/cloudevents+json"


def secret_of(random_bytes: bytes) -> str:
    """Return random bytes as a secret, in the form that receivers' libraries take."""
    return PREFIX + base64.b64encode(random_bytes).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of one message under one secret. `timestamp`: of this try, in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def signed_headers(secrets: Iterable[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature for each secret that is in force: two during a rotation."""
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(one, event_id, timestamp, body) for one in secrets),
    }
