"""The event that downstream reads: the same in the API, the stream and the feeds. Pure."""

from typing import Any


def event_of(row: Any) -> dict[str, Any]:
    """Return a change-log row as its public event."""
    return {
        "seq": row["seq"],
        "event_id": str(row["event_id"]),
        "type": row["type"],
        "time": row["created_at"].isoformat().replace("+00:00", "Z"),
        "unflagged": row["unflagged"],
        "article": row["payload"],
    }
