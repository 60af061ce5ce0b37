"""The topic packs in force, and what is made of them."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workers.domain.errors import ConfigError

if TYPE_CHECKING:
    from config.topics import TopicPack
    from workers.classify.stage import Classifier

T = TypeVar("T")


class WatchedTopics(Generic[T]):
    """What is made of a folder's packs, made again when a file changes: a saved pack is live within 10 s.

    A pack with an error is refused; what was made of the old ones stays in force.
    """

    CHECK_EVERY_S = 5.0

    def __init__(self, folder: Path, make: "Callable[[tuple[TopicPack, ...]], T]") -> None:
        self.folder = folder
        self._make = make
        self._mark = folder_mark(folder)
        self._made = self._load()
        self._checked = time.monotonic()

    def current(self) -> T:
        """Return what is in force."""
        if time.monotonic() - self._checked > self.CHECK_EVERY_S:
            self._checked = time.monotonic()
            mark = folder_mark(self.folder)
            if mark != self._mark:
                self._mark = mark
                try:
                    self._made = self._load()
                except ConfigError:
                    return self._made  # the sweep tells of it (`Steps.take_up_files`)
        return self._made

    def _load(self) -> T:
        from config.topics import load_topics

        return self._make(load_topics(self.folder))


@functools.cache
def watched_classifier(folder: Path) -> "WatchedTopics[Classifier]":
    """Return the classifier of a folder's packs; read once before a worker forks, shared by its children."""
    from workers.classify.stage import Classifier

    return WatchedTopics(folder, Classifier)


def make_classifier(folder: Path) -> "Classifier":
    """Return a classifier for the packs of a folder. Raises ConfigError."""
    from config.topics import load_topics
    from workers.classify.stage import Classifier

    return Classifier(load_topics(folder))


def topic_json(pack: "TopicPack") -> dict[str, Any]:
    """Return a pack as the API shows it."""
    return {
        "id": pack.id,
        "name": pack.name,
        "description": pack.description.strip(),
        "version": pack.version,
        "threshold": pack.threshold,
        "iptc": list(pack.iptc),
        "languages": sorted(pack.terms),
    }


def folder_mark(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return a mark that changes when a YAML file of the folder is written, added or removed."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # an editor saves by renaming: the next look will find it
        found.append((path.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)
