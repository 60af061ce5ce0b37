"""What repeats on a source's pages, in a real store: learned now and then, given out with every entry."""

from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Engine

from config.settings import load_settings
from tests.making import (
    bring,
    discover,
    make_article,
    make_classified,
    make_feed_entry,
    make_ledger,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    run_sql,
)
from workers.bootstrap import Steps
from workers.domain.outcomes import State
from workers.domain.values import ExtractRules, PastText, RepeatedBlock
from workers.extract.repeats import block_hash, learn_repeats
from workers.store.repeats import relearn_repeats, repeats_of

NOTICE = "Follow the agency's channel"
RULES = ExtractRules(body=("div.story", "//p"), remove=(".ad",))


def word(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def publish(engine: Engine, count: int, *, first: int = 0, **facts: object) -> list[UUID]:
    """Bring articles of different stories to readers, each with the notice at its end unless `facts` says otherwise."""
    ids = discover(engine, count, first=first)
    made = [
        make_classified(
            number,
            **{"title": f"On {word(number)}", "text": f"The {word(number)} bridge is open again.\n{NOTICE}"} | facts,
        )
        for number in range(first, first + count)
    ]
    return bring(engine, ids, State.CLASSIFIED, made)


def seen_by(engine: Engine) -> list[PastText]:
    """Return the texts that a learner is given."""
    given: list[PastText] = []
    run_sql(engine, "UPDATE source SET repeats_at = NULL")
    relearn_repeats(engine, lambda texts, _: given.extend(texts) or ())  # type: ignore[func-returns-value]
    return given


def test_a_notice_is_learned_and_given_out_with_the_next_entry(engine: Engine) -> None:
    publish(engine, 8)
    assert relearn_repeats(engine, learn_repeats) == 1
    assert repeats_of(engine, "agency") == (RepeatedBlock(hash=block_hash(NOTICE), sample=NOTICE, articles=8, of=8),)
    (one,) = discover(engine, 1, first=100)
    (claimed,) = make_ledger(engine).claim([one], State.DISCOVERED).entries
    assert claimed.repeated == {block_hash(NOTICE)}


def test_nothing_is_known_of_a_new_source_or_an_unknown_one(engine: Engine) -> None:
    (one,) = discover(engine)
    (claimed,) = make_ledger(engine).claim([one], State.DISCOVERED).entries
    assert claimed.repeated == frozenset()
    assert repeats_of(engine, "agency") == repeats_of(engine, "nobody") == ()


def test_only_sources_that_gave_something_since_are_compared_again(engine: Engine) -> None:
    publish(engine, 1)
    assert [relearn_repeats(engine, learn_repeats) for _ in range(2)] == [1, 1], "a late article may still come"
    run_sql(engine, "UPDATE source SET found_at = now() - interval '2 h'")
    assert relearn_repeats(engine, learn_repeats) == 0
    record(make_source_ledger(engine), "agency", poll_result(make_feed_entry(7)))
    assert relearn_repeats(engine, learn_repeats) == 1


def test_those_that_wait_longest_come_first_and_the_others_in_the_next_run(engine: Engine) -> None:
    sources = make_source_ledger(engine)
    sources.sync([make_source("one"), make_source("two")])
    for name in ("one", "two"):
        record(sources, name, poll_result(make_feed_entry(name)))
    run_sql(engine, "UPDATE source SET repeats_at = now() - interval '1 s' WHERE id = 'one'")
    for _ in range(2):
        assert relearn_repeats(engine, lambda *_: [RepeatedBlock(hash="x", sample="x", articles=1, of=1)], limit=1) == 1
    assert repeats_of(engine, "one") == repeats_of(engine, "two") != ()


def test_the_newest_full_texts_are_compared_as_readers_have_them_with_what_was_taken_out(engine: Engine) -> None:
    publish(engine, 2)
    publish(engine, 1, first=2, quality="summary", text="Only a summary.")
    publish(engine, 1, first=3, title="Last", text="The last one.", removed=("abc",))
    bring(engine, discover(engine, 1, first=4), State.EXTRACTED, [make_article(4)])
    assert [(one.title, one.removed) for one in seen_by(engine)] == [("Last", ("abc",)), ("On a", ()), ("On b", ())]


def test_rules_travel_with_entries_and_sources(engine: Engine) -> None:
    (one,) = discover(engine, 1, extract=RULES)
    (claimed,) = make_ledger(engine).claim([one], State.DISCOVERED).entries
    assert claimed.source == make_source(extract=RULES)
    (plain,) = make_ledger(engine).claim(discover(engine, 1, first=1), State.DISCOVERED).entries
    assert plain.source == make_source(), "rules that were taken out of the file are gone"


def test_rules_travel_with_a_source_that_is_polled(engine: Engine) -> None:
    sources = make_source_ledger(engine)
    sources.sync([make_source(extract=RULES)])
    assert [due.source for due in sources.claim(["agency"])] == [make_source(extract=RULES)]


def test_upkeep_learns(engine: Engine, database_url: str) -> None:
    publish(engine, 8)
    steps = Steps(load_settings().model_copy(update={"database_url": SecretStr(database_url)}))
    try:
        steps.upkeep()
    finally:
        steps.close()
    assert len(repeats_of(engine, "agency")) == 1
