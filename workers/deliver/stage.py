"""Deliver: committed changes get their numbers, in order, and go on to the stream."""

from sqlalchemy import Connection, Engine

from workers.deliver.event import event_of
from workers.deliver.stream import UNREACHABLE, ChangeStream
from workers.store.changes import changes_after, last_seq, number, take_relay_lock
from workers.telemetry import event

#: Stream entries sent in one round trip.
CHUNK = 200


def relay_changes(engine: Engine, stream: ChangeStream) -> int:
    """Number what is committed, then bring the stream up to the log; return how many were numbered.

    One relay at a time: a second one finds the lock taken and leaves at once. The numbers are committed before the
    stream hears of them, so a crash in between only means that the next relay continues from the stream's last id.
    A stream that cannot be reached is an ending like any other: readers of the log go on, the next relay (2 s later)
    tries again, and the event says so. What Redis answers and should not is an error.
    """
    with engine.begin() as connection:
        if not take_relay_lock(connection):
            return 0
        numbered = number(connection)
    try:
        with engine.begin() as connection:
            if take_relay_lock(connection):
                _bring_up(connection, stream)
    except UNREACHABLE as error:
        event("stream_unreachable", level="warning", error=str(error))
    return numbered


def _bring_up(connection: Connection, stream: ChangeStream) -> None:
    newest = last_seq(connection)
    reached = stream.last_seq()
    if reached > newest:
        # a stream from another life of the database: its ids would refuse ours for ever
        stream.forget()
        reached = 0
    after = max(reached, newest - stream.length)
    while rows := changes_after(connection, after, CHUNK):
        stream.append([event_of(row) for row in rows])
        after = rows[-1]["seq"]
