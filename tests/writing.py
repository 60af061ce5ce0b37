"""For tests of many writers: `python -m tests.writing URL PLACE OF PAUSE_S` publishes its part of what was found."""

import sys
import time

from sqlalchemy import select

from tests.making import bring
from workers.domain.outcomes import State
from workers.store.engine import make_engine
from workers.store.schema import entry


def write(url: str, place: int, of: int, pause_s: float) -> None:
    engine = make_engine(url, role="test writer")
    with engine.connect() as connection:
        ids = list(connection.execute(select(entry.c.id).order_by(entry.c.id)).scalars())
    for one in ids[place::of]:
        bring(engine, [one], State.CLASSIFIED)
        time.sleep(pause_s)
    engine.dispose()


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
