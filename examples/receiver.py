"""Receives webhooks, and believes only what is signed with the secret that `wirewatch webhooks add` showed.

    WEBHOOK_SECRET=whsec_... python examples/receiver.py 8080

Needs nothing but Python. Answer 2xx as soon as the change is safe: the next one comes only then, and a change whose
answer was lost comes again, with the same id.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
seen = set()  # yours: a unique column in your database


def is_genuine(headers, body):
    """Return whether a message is signed and at most 5 minutes old."""
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:
        return False
    made = hmac.digest(KEY, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    wanted = f"v1,{base64.b64encode(made).decode()}".encode()
    given = headers.get("webhook-signature", "").encode().split(b" ")  # two during a rotation
    return any(hmac.compare_digest(wanted, one) for one in given)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        genuine = is_genuine(self.headers, body)
        if genuine and self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            event = json.loads(body)
            print(event["seq"], event["type"], event["data"]["article"]["title"], flush=True)
        self.send_response(204 if genuine else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver) as server:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
