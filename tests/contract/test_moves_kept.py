"""A source that goes to and fro keeps its last moves, not all of them."""

from sqlalchemy import Engine, select

from tests.making import make_source, make_source_ledger, poll_result, record, run_sql
from workers.store.polls import MOST_MOVES, MOVES_AFTER
from workers.store.schema import source


def test_a_source_keeps_its_last_moves_only(engine: Engine) -> None:
    sources = make_source_ledger(engine)
    sources.sync([make_source()])
    places = ["https://north.example/rss", "https://south.example/rss"]
    earlier = ", ".join(f'{{"from": "{number}", "to": "{number + 1}"}}' for number in range(MOST_MOVES - 1))
    run_sql(engine, f"UPDATE source SET moves = '[{earlier}]'")
    for place in places:
        for _ in range(MOVES_AFTER):
            record(sources, "agency", poll_result(moving_to=place))
    with engine.connect() as connection:
        moves = connection.execute(select(source.c.moves)).scalar_one()
    assert len(moves) == MOST_MOVES
    assert [one["to"] for one in moves[-3:]] == [str(MOST_MOVES - 1), *places]
    assert moves[0]["from"] == "1"
