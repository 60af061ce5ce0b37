"""Who ticks: the schedule's pulse, slots that one process alone takes, and what had to be replaced."""

from datetime import timedelta

from sqlalchemy import Connection, Engine, Integer, String, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.store.schema import note, tick

REPLACED = "replaced:"


def seconds_since(engine: Engine, name: str) -> float | None:
    """Return how many seconds ago a tick ran last, by the database's clock; None when it never did.

    One that lies ahead was noted before the clock was set back: it counts as of now.
    """
    ahead = update(tick).where(tick.c.name == name, tick.c.last_at > func.now()).values(last_at=func.now())
    with engine.begin() as connection:
        connection.execute(ahead)
        ran = connection.execute(select(func.now() - tick.c.last_at).where(tick.c.name == name)).scalar()
        return ran.total_seconds() if isinstance(ran, timedelta) else None


def take_slot(engine: Engine, name: str, period_s: float) -> bool:
    """Take the right to do something once in `period_s` seconds; False when somebody has it for now.

    One conditional UPDATE: of any number of processes that ask at the same time one gets it.
    """
    period = timedelta(seconds=period_s)
    # far ahead: of before the clock was set back; a little ahead: who took it began after us and was first
    over = or_(tick.c.last_at <= func.now() - period, tick.c.last_at > func.now() + period)
    new = insert(tick).values(name=name, last_at=func.now())
    taken = new.on_conflict_do_update(index_elements=["name"], set_={"last_at": func.now()}, where=over)
    with engine.begin() as connection:
        return connection.execute(taken.returning(tick.c.name)).scalar() is not None


def count_replaced(engine: Engine, service: str) -> None:
    """Count that a worker service is replaced because it did not consume."""
    new = insert(note).values(key=f"{REPLACED}{service}", value="1")
    more = {"value": cast(cast(note.c.value, Integer) + 1, String), "updated_at": func.now()}
    with engine.begin() as connection:
        connection.execute(new.on_conflict_do_update(index_elements=["key"], set_=more))


def replaced(connection: Connection) -> dict[str, int]:
    """Return how often each worker service was replaced because it did not consume."""
    query = select(note.c.key, note.c.value).where(note.c.key.startswith(REPLACED))
    return {row.key.removeprefix(REPLACED): int(row.value) for row in connection.execute(query)}
