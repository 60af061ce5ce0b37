"""Small facts about the running system, by name: where it listens, which files were refused."""

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from workers.store.schema import note


def write_note(engine: Engine, key: str, value: str) -> None:
    """Keep a fact; an empty one is forgotten."""
    with engine.begin() as connection:
        put_note(connection, key, value)


def put_note(connection: Connection, key: str, value: str) -> None:
    """Keep a fact, or forget it when it is empty, in the caller's transaction."""
    if not value:
        connection.execute(delete(note).where(note.c.key == key))
        return
    new = insert(note).values(key=key, value=value)
    connection.execute(
        new.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": func.now()})
    )


def read_notes(engine: Engine) -> dict[str, str]:
    """Return every fact by its name."""
    with engine.connect() as connection:
        return {row.key: row.value for row in connection.execute(select(note.c.key, note.c.value))}
