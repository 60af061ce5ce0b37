"""Today's classifier over stored articles, on several processes at once, beside what readers have."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, StatementError

from config.topics import TopicPack
from workers.cli.again import in_order
from workers.cli.shown import sentence_around
from workers.domain.errors import Unavailable, WirewatchError
from workers.domain.values import Classification
from workers.packs import classifier_of, model_in_force
from workers.store.engine import make_engine
from workers.store.overview import is_path_busy
from workers.store.reclassify import Told, read_told, told_anew, write_reclassified

if TYPE_CHECKING:
    from workers.classify.probability.model import Model
    from workers.classify.stage import Classifier

#: A probability that moved by less is no news: readers keep the flag that they have, with the pack that raised it.
TELLING = 0.05

#: The processes leave the cores to whoever else wants one: live workers go first. (The least that POSIX knows.)
NICE = 19
#: Where the system has it (Linux, sched(7)): only what nobody else wants.
IDLE: int | None = getattr(os, "SCHED_IDLE", None)

#: So often a helper asks whether somebody else wants its core (seconds). Linux tells a process of this kind so only
#: with the next tick, up to 4 ms later, when the other one was woken by a disk: a live commit took 2.9 ms instead of
#: 0.6, an article 46 ms instead of 36; with this 38.
GIVE_WAY_S = 0.0003

#: So long waits whatever costs a live worker time (an article, a batch's reading and writing) for the path to be idle,
#: and so often somebody looks (seconds). On a path that is never idle 100,000 articles take three hours in one process.
PATIENCE_S, LOOK_EVERY_S = 0.1, 0.01


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
    with watching_the_path(database_url, context.Event()) as idle:
        given = (database_url, packs, model or model_in_force(), topic, apply, idle)
        pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=given)
        try:
            yield from in_order(lambda ids: pool.submit(_work, ids), batches, ahead=2 * jobs)
        except BrokenProcessPool as error:
            raise WirewatchError("a helper process died; what was applied stays, run it again") from error
        finally:
            pool.shutdown(cancel_futures=True)  # waits for one batch a process


def stand_back() -> None:
    """Let this process, and those that it will start, have only what nobody else wants."""
    os.nice(NICE)
    if IDLE is not None:
        os.sched_setscheduler(0, IDLE, os.sched_param(0))


@contextmanager
def watching_the_path(database_url: str, idle: Event) -> Iterator[Event]:
    """Keep `idle` set while no worker of the path has a page or a text in hand, and give it.

    One process looks, and the helpers wait without asking the database themselves.
    """
    engine = make_engine(database_url, role="reclassify", pool_size=1)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY_S):
            try:
                busy = is_path_busy(engine)
            except OperationalError:
                busy = False  # the helpers meet the same, and say so
            (idle.clear if busy else idle.set)()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield idle
    finally:
        over.set()
        watcher.join()
        engine.dispose()


# --- in the helper processes -------------------------------------------------------------------


class _GivingWay:
    """While it is entered, the main thread offers its core to others every `GIVE_WAY_S` seconds, whatever it does.

    By a signal: a classifier has no place of its own for it, and would have to know who uses it.
    """

    def __init__(self) -> None:
        self._entered = False
        signal.signal(signal.SIGALRM, self._give_way)

    def __enter__(self) -> None:
        self._entered = True
        signal.setitimer(signal.ITIMER_REAL, GIVE_WAY_S)

    def __exit__(self, *_: object) -> None:
        self._entered = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _give_way(self, *_: object) -> None:
        if self._entered:  # else the signal came as it was left
            os.sched_yield()
            signal.setitimer(signal.ITIMER_REAL, GIVE_WAY_S)  # once each: however late it comes, none comes in between


class _Helper:
    """What a helper process works with."""

    def __init__(self, engine: Engine, classifier: "Classifier", topic: str | None, apply: bool, idle: Event) -> None:
        self._engine, self._classifier, self._topic, self._apply = engine, classifier, topic, apply
        self._idle = idle
        self._giving_way = _GivingWay()

    def look(self, ids: Sequence[UUID]) -> list[Look]:
        """Classify published articles; write down what changed, if asked to."""
        with self._giving_way:
            return self._look(ids)

    def _look(self, ids: Sequence[UUID]) -> list[Look]:
        looks: dict[UUID, Look] = {}
        changed: list[tuple[Told, Classification]] = []
        self._idle.wait(PATIENCE_S)
        for told in read_told(self._engine, ids):
            self._idle.wait(PATIENCE_S)
            found = self._classifier.classify(told.title, told.text, told.language)
            anew = told_anew(told, found, self._topic)
            looks[told.id] = _look(told, anew)
            if looks[told.id].verdict is not Verdict.SAME:
                changed.append((told, found))
        if changed and self._apply:
            self._idle.wait(PATIENCE_S)  # the server writes for us with as much right as for the path
            won = write_reclassified(self._engine, changed, topic=self._topic)
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
    database_url: str, packs: tuple[TopicPack, ...], model: "Model", topic: str | None, apply: bool, idle: Event
) -> None:
    """Prepare a helper process, once."""
    global _helper  # noqa: PLW0603  (a process of the pool has no other place for it)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: our parent says when it is enough
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stand_back()
    engine = make_engine(database_url, role="reclassify", pool_size=1)
    _helper = _Helper(engine, classifier_of(packs, model), topic, apply, idle)


def _end_with_parent() -> None:
    """End when the parent does, however that ends: a pool's process would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(ids: Sequence[UUID]) -> list[Look]:
    assert _helper is not None  # noqa: S101  (`_begin` came first)
    try:
        return _helper.look(ids)
    except OperationalError as error:  # names the statement and its values: too much for another process and a person
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from None
    except StatementError as error:  # so does this one
        raise WirewatchError(f"the database refused a statement: {str(error).splitlines()[0]}") from None
