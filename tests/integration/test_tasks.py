"""The tasks' own part: hints in batches, handed on, and lost without harm."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from kombu.exceptions import OperationalError

from config.settings import Settings, changed
from workers import bootstrap, tasks
from workers.app import OutOfMemory, app
from workers.domain.intake import Intake
from workers.pipeline import LEDGER_STAGES, STAGE, Stage, next_stage
from workers.store.ledger import Due


class FakeSteps:
    """Steps that only say what is due and what advanced."""

    def __init__(self) -> None:
        self.settings = changed(Settings(), batch_size=20)
        self.advanced: list[UUID] = []
        self.waiting: dict[str, list[Due]] = {}
        self.ticked: list[str] = []
        self.sources = self
        self.spare = 10
        self.intake = Intake.OPEN

    def poll(self, _ids: Any, hand_on: Callable[[list[UUID]], None]) -> None:
        hand_on(self.advanced)

    fetch = poll

    def extract(self, _ids: Any) -> list[UUID]:
        return self.advanced

    classify = extract

    def due(self, stage: Stage | int, _limit: int = 0) -> Any:
        return self.waiting.get(stage.name, []) if isinstance(stage, Stage) else ["a-source"]

    def room(self, _stage: Stage) -> int:
        return self.spare

    def look_for_room(self) -> Intake:
        return self.intake

    def excuse_outage(self) -> None:
        """Nothing was away."""

    def pull_in(self) -> None:
        """The clock was not set back."""

    def take_up_files(self) -> None:
        self.ticked.append("files")

    def record_tick(self, name: str) -> None:
        self.ticked.append(name)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    made = FakeSteps()
    monkeypatch.setattr(bootstrap, "_steps", made)
    return made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, list[Any]]]:
    messages: list[tuple[str, str, list[Any]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, queue: messages.append((name, queue, args)))
    return messages


def test_ids_travel_in_batches(fake: FakeSteps, sent: list[Any]) -> None:
    fake.advanced = [uuid4() for _ in range(45)]
    tasks.poll_sources(["a"])
    assert [(name, queue, len(args[0])) for name, queue, args in sent] == [
        ("fetch_entries", "fetch", 20),
        ("fetch_entries", "fetch", 20),
        ("fetch_entries", "fetch", 5),
    ]


@pytest.mark.parametrize("stage", LEDGER_STAGES, ids=lambda stage: stage.name)
def test_a_step_hands_on_to_the_next_of_the_path(stage: Stage, fake: FakeSteps, sent: list[Any]) -> None:
    fake.advanced = [uuid4()]
    getattr(tasks, stage.task)([str(uuid4())])
    following = next_stage(stage)
    assert following is not None
    assert [(name, queue) for name, queue, _ in sent] == [(following.task, following.name)]


@pytest.mark.parametrize("stage", LEDGER_STAGES, ids=lambda stage: stage.name)
def test_nothing_advanced_is_nothing_sent(stage: Stage, fake: FakeSteps, sent: list[Any]) -> None:
    getattr(tasks, stage.task)([str(uuid4())])
    assert sent == []


def test_an_entry_that_killed_its_process_travels_alone(fake: FakeSteps, sent: list[Any]) -> None:
    suspects, others = [uuid4(), uuid4()], [uuid4(), uuid4(), uuid4()]
    fake.waiting["extract"] = [*(Due(one, True) for one in suspects), *(Due(one, False) for one in others)]
    tasks.sweep()
    extracts = [args[0] for name, _, args in sent if name == "extract_entries"]
    assert sorted(map(len, extracts)) == [1, 1, 3]
    assert fake.ticked == ["files", "sweep"]


def test_a_hint_that_redis_does_not_take_is_told_and_left_to_the_sweeper(
    fake: FakeSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("Redis is away")

    monkeypatch.setattr(app, "send_task", refuse)
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks, "event", lambda name, **facts: told.append({"name": name, **facts}))
    tasks.hint(STAGE["fetch"], ["1", "2"])
    assert [(one["name"], one["queue"]) for one in told] == [("hint_lost", "fetch")]


def test_a_task_that_runs_out_of_memory_fails_like_any_other(fake: FakeSteps, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_ids: Any, _hand_on: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(fake, "fetch", explode)
    with pytest.raises(OutOfMemory):
        tasks.fetch_entries([str(uuid4())])
