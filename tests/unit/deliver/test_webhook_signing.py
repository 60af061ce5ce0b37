"""What we sign, receivers verify with the library of the standard."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from workers.deliver.webhooks.signing import secret_of, signature, signed_headers

OLD, NEW, OTHER = (secret_of(bytes([number] * 32)) for number in (1, 2, 3))
EVENT = "01a20000-0000-7000-8000-000000000000"
BODY = json.dumps({"title": "گفت‌وگو · Überblick · 边境 \u2028 🙂"}, ensure_ascii=False).encode()


def now() -> int:
    """Return the time by which the library judges, seconds since 1970."""
    return int(datetime.now(UTC).timestamp())


def test_a_secret_is_256_bits_in_the_form_of_the_standard() -> None:
    assert OLD.startswith("whsec_")
    assert base64.b64decode(OLD.removeprefix("whsec_"), validate=True) == bytes([1] * 32)


@pytest.mark.parametrize("body", [b"{}", BODY, json.dumps("x" * 1_000_000).encode()], ids=["short", "scripts", "long"])
def test_the_library_of_the_standard_takes_our_signature(body: bytes) -> None:
    assert Webhook(NEW).verify(body, signed_headers([NEW], EVENT, now(), body)) == json.loads(body)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_during_a_rotation_a_receiver_may_have_either_secret(secret: str) -> None:
    assert Webhook(secret).verify(BODY, signed_headers([NEW, OLD], EVENT, now(), BODY))


@pytest.mark.parametrize(
    ("secret", "age_s", "other", "body"),
    [
        (OTHER, 0, {}, BODY),
        (NEW, 0, {}, BODY + b" "),
        (NEW, 0, {"webhook-id": "another"}, BODY),
        (NEW, 0, {"webhook-timestamp": str(now() + 30)}, BODY),
        (NEW, 400, {}, BODY),
    ],
    ids=["another secret", "another body", "another id", "another time", "too old"],
)
def test_anything_else_is_refused(secret: str, age_s: int, other: dict[str, str], body: bytes) -> None:
    headers = signed_headers([secret], EVENT, now() - age_s, BODY) | other
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body, headers)


def test_the_standards_own_example_is_signed_as_there() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, the example of its libraries' tests."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    told = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
