"""Deliver: committed changes get their numbers, in order, and go on to the stream."""

from sqlalchemy import Connection, Engine

from workers.deliver.event import event_of
from workers.deliver.stream import NOT_TAKEN, ChangeStream
from workers.store.changes import changes_after, last_seq, ledger_id, note_stream_trouble, number, take_relay_lock
from workers.telemetry import event

#: Stream entries sent in one round trip.
CHUNK = 200

#: What only an operator can put right, by the event that the log is told.
TROUBLES = {
    "stream_of_another_ledger": "the Redis stream belongs to another ledger and gets nothing from this one: "
    "set WIREWATCH_STREAM_URL to a Redis database of its own (docs/formats.md)",
    "stream_ahead_of_log": "the Redis stream is ahead of the change log and gets nothing, as after a restore: "
    "begin it anew (docs/formats.md)",
}


def relay_changes(engine: Engine, stream: ChangeStream) -> int:
    """Number what is committed, then bring the stream up to the log; return how many were numbered.

    One relay at a time: a second one finds the lock taken and leaves at once. The numbers are committed before the
    stream hears of them, so a crash in between only means that the next relay continues from the stream's last id.
    A stream that takes nothing is an ending like any other: readers of the log go on, the next relay (2 s later)
    tries again, and the event says so. What Redis answers and should not is an error.
    """
    with engine.begin() as connection:
        if not take_relay_lock(connection):
            return 0
        ledger = ledger_id(connection)  # committed before a stream is claimed by it
        numbered = number(connection)
    try:
        with engine.begin() as connection:
            if take_relay_lock(connection):
                trouble = _bring_up(connection, stream, ledger)
                note_stream_trouble(connection, trouble and TROUBLES[trouble])
                if trouble:
                    event(trouble, level="error", problem=TROUBLES[trouble])
    except NOT_TAKEN as error:
        event("stream_unreachable", level="warning", error=str(error))
    return numbered


def _bring_up(connection: Connection, stream: ChangeStream, ledger: str) -> str | None:
    """Send what the stream lacks; return the event that says why it gets nothing, None when all is well.

    A stream ahead of its log is left alone too: the same ledger id is in every copy of a database, so a staging copy
    behind its production would look just like a restored backup.
    """
    newest = last_seq(connection)
    reached = stream.last_seq()
    if reached == 0:
        stream.claim(ledger)
    if stream.owner() != ledger:
        return "stream_of_another_ledger"
    if reached > newest:
        return "stream_ahead_of_log"
    after = max(reached, newest - stream.length)
    while rows := changes_after(connection, after, CHUNK):
        stream.append(ledger, [event_of(row, ledger) for row in rows])
        after = rows[-1]["seq"]
    return None
