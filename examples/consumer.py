"""Reads every change in order, and goes on after a restart where it stopped.

    python examples/consumer.py http://127.0.0.1:8710 cursor.txt

Needs nothing but Python. The cursor is written after the changes of a page were dealt with, so after a crash in between
some come again, with the same `id`: what you do with them must be harmless to do twice.
"""

import json
import sys
import time
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

api, cursor = sys.argv[1], Path(sys.argv[2])
while True:
    after = int(cursor.read_text()) if cursor.exists() else 0
    try:
        with urlopen(f"{api}/v1/changes?after={after}&wait=30", timeout=60) as answer:
            page = json.load(answer)
    except (OSError, HTTPException) as error:  # the API is being restarted
        print(error, file=sys.stderr, flush=True)
        time.sleep(1)
        continue
    for event in page["changes"]:
        print(event["seq"], event["type"], event["data"]["article"]["title"], flush=True)
    cursor.with_suffix(".new").write_text(str(page["next_after"]))
    cursor.with_suffix(".new").replace(cursor)  # all or nothing, whenever the power goes
