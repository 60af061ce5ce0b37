"""What every answer tells a browser: to read it as what it is declared to be, and to run nothing that stands in it.

The outlets write what the answers hold. Nothing that we answer is a page, so a browser may be forbidden all that pages
do; https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html asks for it of every answer.
"""

from starlette.types import Message, Send

#: The first: JSON is never taken for HTML. The second: no script, style, image, form or frame, an origin of its own.
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; form-action 'none'; sandbox"),
)


def with_headers(send: Send) -> Send:
    """Return a `send` that puts these headers before those of every answer, refusals and bugs included."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*HEADERS, *message.get("headers", ())]}
        await send(message)

    return told
