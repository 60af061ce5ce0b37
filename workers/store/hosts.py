"""One host, one page at a time: moments are planned when links are found, and held when they are claimed.

`planned_until` spreads the moments of many links; it is a plan only, for a pause makes all of them come due at once.
`next_allowed_at` is the promise: an entry is given out only by whoever moves it on, in the same transaction, so that
two page fetches of one host never begin within the delay, whatever the number of workers.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, Uuid, column, func, update, values
from sqlalchemy.dialects.postgresql import insert

from workers.store.schema import Time, entry, host


def admit(connection: Connection, names: Iterable[str], delay: timedelta) -> set[str]:
    """Return those hosts of which a page may be asked for now, and close them for `delay`.

    The rows are locked in the order of their names. Goes by the clock at the time of the lock, not of the transaction.
    """
    now = func.clock_timestamp()
    new = insert(host).values(
        [{"name": name, "next_allowed_at": now + delay, "planned_until": now} for name in sorted(set(names))]
    )
    admitted = new.on_conflict_do_update(
        index_elements=["name"], set_={"next_allowed_at": now + delay}, where=host.c.next_allowed_at <= now
    )
    return set(connection.execute(admitted.returning(host.c.name)).scalars())


def plan(
    connection: Connection, waiting: Mapping[str, Sequence[UUID]], *, delay: timedelta, hint_lag: timedelta
) -> list[UUID]:
    """Give each host's entries moments of their own, `delay` apart, in their order; return those whose moment is now.

    The sweeper hints at an entry when its moment has come; at one whose moment is now after the lag (it is handed on).
    """
    spans = {name: delay * len(ids) for name, ids in sorted(waiting.items())}
    new = insert(host).values(
        [
            {"name": name, "next_allowed_at": func.now(), "planned_until": func.now() + span}
            for name, span in spans.items()
        ]
    )
    later = func.greatest(host.c.planned_until, host.c.next_allowed_at, func.now())
    planned = new.on_conflict_do_update(
        index_elements=["name"],
        set_={"planned_until": later + (new.excluded.planned_until - func.now())},
    ).returning(host.c.name, host.c.planned_until, func.now().label("now"))
    moments = []
    ready = []
    for row in connection.execute(planned).all():
        first = row.planned_until - spans[row.name]
        for place, one_id in enumerate(waiting[row.name]):
            moment = first + delay * place
            moments.append((one_id, moment, moment if moment > row.now else row.now + hint_lag))
            if moment <= row.now:
                ready.append(one_id)
    given = values(column("id", Uuid), column("moment", Time), column("due", Time), name="given").data(moments)
    connection.execute(
        update(entry).where(entry.c.id == given.c.id).values(not_before=given.c.moment, due_at=given.c.due)
    )
    return ready
