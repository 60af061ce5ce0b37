"""Today's classifier over stored articles, on several processes at once, beside what readers have."""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, StatementError

from config.topics import TopicPack
from workers.cli.again import in_order
from workers.cli.aside import Aside, Crew, stand_aside
from workers.cli.shown import sentence_around
from workers.domain.errors import Unavailable, WirewatchError
from workers.packs import classifier_of, model_in_force
from workers.store.engine import make_engine
from workers.store.reclassify import Told, read_told, told_anew, write_reclassified

if TYPE_CHECKING:
    from workers.classify.probability.model import Model
    from workers.classify.stage import Classifier

#: New objects between two collections of rubbish: with the usual 700 they cost a helper a twentieth of its time.
TIDY_EVERY = 50_000

#: Articles that are read, and written, by one statement, which is not stopped: few, for whoever waits for one of them
#: waits for all; but not fewer, for each is work that the path has to make room for (`docs/classification.md`).
TRANSACTION = 25

#: A probability that moved by less is no news: readers keep the flag that they have, with the pack that raised it.
TELLING = 0.05


class Verdict(StrEnum):
    """What today's classifier makes of a stored article, beside what readers have."""

    SAME = "same"
    CHANGED = "other flags"
    COMPLETED = "new facts"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Move:
    """One topic of one article, where readers would see that it moved."""

    topic: str
    before: float  # probability; 0 without any evidence
    after: float
    turn: int  # 1: flagged now, -1: not any more, 0: only the probability or the band
    why: str = ""  # of a turn: the sentence around the strongest evidence, before or after


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one article."""

    id: UUID
    verdict: Verdict
    language: str
    title: str = ""
    moves: tuple[Move, ...] = ()


def compare(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Move]:
    """Return where readers would see a difference between an article's flags, as a change tells them, by topic.

    That is a flag that comes or goes, another band, or a probability that moved by at least `TELLING`; no evidence is
    a probability of 0.
    """
    old, new = ({mark["topic"]: mark for mark in marks} for marks in (before, after))
    found = ((topic, old.get(topic, {}), new.get(topic, {})) for topic in sorted(old.keys() | new.keys()))
    return [_move(topic, was, now) for topic, was, now in found if _is_telling(was, now)]


def _is_telling(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if was.get("flagged", False) != now.get("flagged", False):
        return True
    if "band" in was and "band" in now and was["band"] != now["band"]:  # without: `lacks_facts`
        return True
    # as they are told: four digits
    apart: float = round(abs(was.get("probability", 0.0) - now.get("probability", 0.0)), 4)
    return apart >= TELLING


def lacks_facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether an article was told in an older shape: without who and where, or a flag without its band.

    A flag that stays as it is, because only another topic is looked at, does not count.
    """
    without_band = any("band" not in mark and mark not in after["flags"] for mark in before["flags"])
    return without_band or not {"countries", "organisations", "pairs"} <= before.keys()


def _move(topic: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Move:
    turn = int(now.get("flagged", False)) - int(was.get("flagged", False))
    return Move(topic, was.get("probability", 0.0), now.get("probability", 0.0), turn)


def look_again(
    database_url: str,
    packs: tuple[TopicPack, ...],
    batches: Iterable[Sequence[UUID]],
    *,
    jobs: int,
    topic: str | None = None,
    apply: bool = False,
    model: "Model | None" = None,
) -> Generator[Look]:
    """Classify stored articles with `packs` on `jobs` processes; give what came of each, in order.

    `model`: the one in force unless given; all processes have the one that was read here. `apply`:
    write down what changed, a batch in one transaction. `topic`: nothing but this one is looked at and
    written. Raises Unavailable when the database does not answer, WirewatchError when a process dies.
    """
    # spawned: a copy of this process would share its database connections, and locks that its threads hold
    context = multiprocessing.get_context("spawn")
    given = (database_url, packs, model or model_in_force(), topic, apply, Crew(context))
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=given)
    try:
        yield from in_order(lambda ids: pool.submit(_work, ids), batches, ahead=2 * jobs)
    except BrokenProcessPool as error:
        raise WirewatchError("a helper process died; what was applied stays, run it again") from error
    finally:
        pool.shutdown(cancel_futures=True)  # waits for one batch a process


# --- in the helper processes -------------------------------------------------------------------


class _Helper:
    """What a helper process works with."""

    def __init__(self, engine: Engine, classifier: "Classifier", topic: str | None, apply: bool, aside: Aside) -> None:
        self._engine, self._classifier, self._topic, self._apply = engine, classifier, topic, apply
        self._aside = aside

    def look(self, ids: Sequence[UUID]) -> list[Look]:
        """Classify published articles; write down what changed, if asked to."""
        looks: dict[UUID, Look] = {}
        changed: list[tuple[Told, dict[str, Any]]] = []
        with self._engine.connect() as connection:
            with self._aside.in_one_go():  # the database works for us meanwhile: it would look like somebody else
                stored = read_told(connection, ids)
            with self._aside.stoppable():
                for told in stored:
                    found = self._classifier.classify(told.title, told.text, told.language)
                    anew = told_anew(told, found, self._topic)
                    looks[told.id] = _look(told, anew)
                    if looks[told.id].verdict is not Verdict.SAME:
                        changed.append((told, anew))
            if changed and self._apply:
                with self._aside.in_one_go():  # rows are locked, too
                    won = write_reclassified(connection, changed)
                for told, _ in changed:
                    if told.id not in won:
                        looks[told.id] = Look(told.id, Verdict.BUSY, told.language)
        return list(looks.values())


def _look(told: Told, anew: Mapping[str, Any]) -> Look:
    moves = compare(told.change["flags"], anew["flags"])
    if not moves:
        verdict = Verdict.COMPLETED if lacks_facts(told.change, anew) else Verdict.SAME
        return Look(told.id, verdict, told.language)
    explained = tuple(Move(m.topic, m.before, m.after, m.turn, _why(told, anew, m)) for m in moves)
    return Look(told.id, Verdict.CHANGED, told.language, told.title, explained)


def _why(told: Told, anew: Mapping[str, Any], move: Move) -> str:
    if not move.turn:
        return ""
    marks = anew["flags"] if move.turn > 0 else told.change["flags"]
    evidence = next(mark["evidence"] for mark in marks if mark["topic"] == move.topic)
    return sentence_around({"title": told.title, "text": told.text}, evidence[0]) if evidence else ""


_helper: _Helper | None = None


def _begin(
    database_url: str, packs: tuple[TopicPack, ...], model: "Model", topic: str | None, apply: bool, crew: Crew
) -> None:
    """Prepare a helper process, once."""
    global _helper  # noqa: PLW0603  (a process of the pool has no other place for it)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: our parent says when it is enough
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stand_aside()
    engine = make_engine(database_url, role="reclassify", pool_size=1)
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")  # each statement is whole: fewer journeys
    _helper = _Helper(engine, classifier_of(packs, model), topic, apply, Aside(crew))
    gc.freeze()  # packs and libraries stay: nothing in them is looked at for rubbish
    gc.set_threshold(TIDY_EVERY)


def _end_with_parent() -> None:
    """End when the parent does, however that ends: a pool's process would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(ids: Sequence[UUID]) -> list[Look]:
    assert _helper is not None  # noqa: S101  (`_begin` came first)
    try:
        some = (ids[first : first + TRANSACTION] for first in range(0, len(ids), TRANSACTION))
        return [look for few in some for look in _helper.look(few)]
    except OperationalError as error:  # names the statement and its values: too much for another process and a person
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from None
    except StatementError as error:  # so does this one
        raise WirewatchError(f"the database refused a statement: {str(error).splitlines()[0]}") from None
