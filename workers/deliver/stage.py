"""Deliver: committed changes get their numbers, in order, and go on to the stream."""

from sqlalchemy import Engine

from workers.deliver.event import event_of
from workers.deliver.stream import ChangeStream
from workers.store.changes import changes_after, last_seq, number, take_relay_lock

#: Stream entries sent in one round trip.
CHUNK = 200


def relay_changes(engine: Engine, stream: ChangeStream) -> int:
    """Number what is committed, then bring the stream up to the log; return how many were numbered.

    One relay at a time: a second one finds the lock taken and leaves at once. The numbers are committed before the
    stream hears of them, so a crash in between only means that the next relay continues from the stream's last id.
    """
    with engine.begin() as connection:
        if not take_relay_lock(connection):
            return 0
        numbered = number(connection)
    with engine.begin() as connection:
        if take_relay_lock(connection):
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
    return numbered
