"""The topic packs in force, and what is made of them."""

import functools
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workers.domain.errors import ConfigError, Problem

if TYPE_CHECKING:
    from config.topics import TopicPack
    from workers.classify.probability.model import Model
    from workers.classify.stage import Classifier

T = TypeVar("T")


class WatchedTopics(Generic[T]):
    """What is made of a folder's packs, made again when a file changes: a saved pack is live within 10 s.

    So is a file `beside` them that it is made with. One with an error is refused; what was made of the old ones stays
    in force.
    """

    CHECK_EVERY_S = 5.0

    def __init__(
        self, folder: Path, make: "Callable[[tuple[TopicPack, ...]], T]", *, beside: Path | None = None
    ) -> None:
        self.folder = folder
        self._beside = beside
        self._make = make
        self._mark = self._look()
        self._made = self._load()
        self._checked = time.monotonic()

    def current(self) -> T:
        """Return what is in force."""
        if time.monotonic() - self._checked > self.CHECK_EVERY_S:
            self._checked = time.monotonic()
            mark = self._look()
            if mark != self._mark:
                self._mark = mark
                try:
                    self._made = self._load()
                except ConfigError:
                    return self._made  # the sweep tells of it (`Steps.take_up_files`)
        return self._made

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        return folder_mark(self.folder) + (files_mark((self._beside,)) if self._beside else ())

    def _load(self) -> T:
        from config.topics import load_topics

        return self._make(load_topics(self.folder))


@functools.cache
def watched_classifier(folder: Path) -> "WatchedTopics[Classifier]":
    """Return the classifier of a folder's packs; read once before a worker forks, shared by its children."""
    from config.settings import load_settings

    return WatchedTopics(folder, classifier_of, beside=load_settings().model)


def make_classifier(folder: Path) -> "Classifier":
    """Return a classifier for the packs of a folder. Raises ConfigError."""
    from config.topics import load_topics

    return classifier_of(load_topics(folder))


def model_in_force() -> "Model":
    """Return the operator's own model, or the one that comes with the program. Raises ConfigError."""
    from config.settings import load_settings
    from workers.classify.probability.model import model_at

    return model_at(load_settings().model)


def classifier_of(packs: "tuple[TopicPack, ...]", model: "Model | None" = None) -> "Classifier":
    """Return a classifier for packs that were read, with `model` or the one in force.

    Raises ConfigError when these cannot be used.
    """
    from workers.classify.stage import Classifier

    model = model or model_in_force()
    try:
        return Classifier(packs, model)
    except ValueError as error:  # what the packs' own checks let through
        raise ConfigError(Problem(file="the topic packs", message=str(error))) from error


#: The exit code that says: these packs cannot be used. (Any other but 0 is a bug.)
UNUSABLE = 78
#: A classifier is made in a second; on a machine that has no time for it, the next look tries again.
CHECK_TIMEOUT_S = 60.0


def check_apart(folder: Path, model: Path | None, *, command: Sequence[str] | None = None) -> None:
    """Make a classifier in a process of its own: 24 MB of it would stay in one that never classifies.

    `command`: another one, for tests. Raises ConfigError when the packs cannot be used.
    """
    own = [sys.executable, "-m", "workers.packs", str(folder), *([str(model)] if model else [])]
    made = subprocess.run(
        command or own, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=CHECK_TIMEOUT_S
    )
    if made.returncode == UNUSABLE:
        raise ConfigError(Problem(file="the topic packs", message=made.stdout.strip()))
    if made.returncode:
        raise RuntimeError(f"the check of the topic packs ended with {made.returncode}: {made.stderr.strip()[-1000:]}")


def check(folder: str, model: str | None = None) -> int:
    """Make a classifier; return 0, or `UNUSABLE` after printing why it cannot be made."""
    from config.topics import load_topics
    from workers.classify.probability.model import model_at

    try:
        classifier_of(load_topics(Path(folder)), model_at(Path(model) if model else None))
    except ConfigError as error:
        print("; ".join(problem.message for problem in error.problems))
        return UNUSABLE
    return 0


def topic_json(pack: "TopicPack") -> dict[str, Any]:
    """Return a pack as the API shows it."""
    return {
        "id": pack.id,
        "name": pack.name,
        "description": pack.description.strip(),
        "version": pack.version,
        "threshold": pack.threshold,
        "uncertain_from": pack.uncertain_from,
        "iptc": list(pack.iptc),
        "eurovoc": list(pack.eurovoc),
        "languages": sorted(pack.terms),
    }


def folder_mark(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return a mark that changes when a YAML file of the folder is written, added or removed."""
    return files_mark(sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))))


def files_mark(paths: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return a mark that changes when one of these files is written, added or removed."""
    found = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # an editor saves by renaming: the next look will find it
        found.append((path.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


if __name__ == "__main__":
    sys.exit(check(*sys.argv[1:]))
