"""Reads the Redis stream as one of a group: several of these share the work, and each change goes to one of them.

    python examples/stream_group.py redis://127.0.0.1:6379/1 my-group worker-1

Needs redis-py. A change is acknowledged after it was dealt with. What a member took and did not acknowledge, because it
died, the others take over after a minute; so a change may come twice, with the same `id`.
"""

import contextlib
import json
import sys

import redis

STREAM = "wirewatch:changes"
ABANDONED_MS = 60_000

address, group, member = sys.argv[1:4]
client = redis.Redis.from_url(address, decode_responses=True, protocol=2)
with contextlib.suppress(redis.ResponseError):  # the group is there already
    client.xgroup_create(STREAM, group, id="0", mkstream=True)


def deal_with(entries):
    """Do your work, then say that it is done."""
    for key, fields in entries:
        if fields:  # none: it was trimmed away before we came to it; read /v1/changes from there
            event = json.loads(fields["event"])
            print(event["seq"], event["type"], event["data"]["article"]["title"], flush=True)
        client.xack(STREAM, group, key)


for _, entries in client.xreadgroup(group, member, {STREAM: "0"}):  # what we took before we were restarted
    deal_with(entries)
while True:
    deal_with(client.xautoclaim(STREAM, group, member, ABANDONED_MS)[1])  # what others left behind
    for _, entries in client.xreadgroup(group, member, {STREAM: ">"}, count=10, block=5_000):
        deal_with(entries)
