"""The JSON Schema of the event, as it is published: `schemas/change-1.json`, made from the contract. Pure but the file.

From its first release on the schema only grows, so what is stored for years stays readable and readers need no second
version: `tests/unit/deliver/test_schema.py` holds it to `tests/samples/schemas/change-1.first.json`. After a change of
the contract: `python -m workers.deliver.schema`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from workers.deliver.contract import Change
from workers.deliver.event import DATA_SCHEMA, SCHEMA

FILE = Path(__file__).parent / "schemas" / "change-1.json"

#: https://json-schema.org/specification: what pydantic writes.
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of an event; its anchor `data` is the schema of an event's `data` alone."""
    made = Change.model_json_schema()
    made["$defs"]["ChangeData"] = {"$anchor": DATA_SCHEMA.partition("#")[2], **made["$defs"]["ChangeData"]}
    return {"$schema": DIALECT, "$id": SCHEMA, **made}


@cache
def published() -> bytes:
    """Return the schema's file."""
    return FILE.read_bytes()


def as_file(schema: dict[str, Any]) -> bytes:
    """Return a schema as the bytes of a file that people read too."""
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    FILE.write_bytes(as_file(event_schema()))
