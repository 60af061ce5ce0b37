"""Edits of `config/sources.yaml` that leave every other line as the operator wrote it.

The text is edited by lines, not dumped again from a parsed tree: a dump realigns the file, and drops the heading of the
next group together with the last source of a group (ruamel hangs a comment on the value before it). What keeps this
safe is the check of the result: the new text must parse to exactly the sources that were meant, or nothing is written.
"""

import fcntl
import os
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from config.sources import SourceSpec, feed_key, parse_sources
from config.yamlfile import parse_tree, read_text, round_trip
from workers.domain.errors import ConfigError, Problem

Specs = tuple[SourceSpec, ...]


def add_source(path: Path, spec: SourceSpec) -> None:
    """Append one source to the file. Raises ConfigError when its id or its feed is already there."""
    add_sources(path, (spec,))


def add_sources(path: Path, specs: Iterable[SourceSpec]) -> None:
    """Append sources to the file, all or none.

    Raises ConfigError when an id or a feed is already there (in the file or twice in `specs`), when the file is invalid
    as it stands, or when it cannot be written.
    """
    new = tuple(specs)

    def append(text: str, old: Specs) -> tuple[str, Specs]:
        _refuse_known(path, old, new)
        return (_appended(text, path, new) if new else text), old + new

    _edit(path, append)


def remove_source(path: Path, source_id: str) -> SourceSpec:
    """Take one source out of the file and return it. Raises ConfigError when nothing has that id, with the nearest."""
    removed: list[SourceSpec] = []

    def cut(text: str, old: Specs) -> tuple[str, Specs]:
        index = next((i for i, spec in enumerate(old) if spec.id == source_id), None)
        if index is None:
            near = get_close_matches(source_id, [spec.id for spec in old], n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(Problem(file=path, field="id", message=f"no source is called {source_id!r}{hint}"))
        removed.append(old[index])
        lines = text.splitlines(keepends=True)
        start, end = _span(text, path, index)
        left = old[:index] + old[index + 1 :]
        if left:
            del lines[start:end]
        else:  # a block sequence without items is not a list any more
            indent = " " * (len(lines[start]) - len(lines[start].lstrip()) or 2)
            lines[start:end] = [f"{indent}[]\n"]
        return "".join(lines), left

    _edit(path, cut)
    return removed[0]


def _edit(path: Path, change: Callable[[str, Specs], tuple[str, Specs]]) -> None:
    """Replace the file by its changed text, under a lock, when the text says exactly what was meant."""
    target = path.resolve()  # a symbolic link stays one
    try:
        with _locked(target.parent):
            text = read_text(target)
            if text and not text.endswith("\n"):
                text += "\n"
            changed, wanted = change(text, parse_sources(text, path))
            if parse_sources(changed, path) != wanted:
                message = "its layout is too unusual for an automatic edit; please edit it by hand"
                raise ConfigError(Problem(file=path, message=message))
            _replace(target, changed)
    except OSError as error:
        raise ConfigError(Problem(file=path, message=f"cannot be changed: {error.strerror or error}")) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the file is replaced, so that a lock on it would stay with the old one."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(target: Path, text: str) -> None:
    """Write the text beside the target, make it durable, then rename: a reader sees the old file or the new one."""
    before = target.stat()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            if os.geteuid() == 0:  # only root may hand a file back to its owner
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself survives a power cut
    finally:
        os.close(folder)


def _refuse_known(path: Path, old: Specs, new: Specs) -> None:
    ids = {spec.id: spec for spec in old}
    feeds = {feed_key(spec.url): spec for spec in old}
    problems = []
    for spec in new:
        if spec.id in ids:
            problems.append(Problem(file=path, field="id", message=f"{spec.id!r} is already there"))
        if (same := feeds.get(feed_key(spec.url))) is not None:
            problems.append(Problem(file=path, field="url", message=f"{spec.url} is already there as {same.id!r}"))
        ids[spec.id] = feeds[feed_key(spec.url)] = spec
    if problems:
        raise ConfigError(*problems)


def _span(text: str, path: Path, index: int) -> tuple[int, int]:
    """Return the lines of one source, first and one past the last (0-based), without the comments that follow it."""
    lines = text.splitlines(keepends=True)
    items = parse_tree(text, path)["sources"]
    start = items.lc.item(index)[0]
    end = items.lc.item(index + 1)[0] if index + 1 < len(items) else _end_of_list(lines, start)
    while end > start + 1 and _is_filler(lines[end - 1]):
        end -= 1
    return start, end


def _end_of_list(lines: list[str], start: int) -> int:
    """Return the first line after `start` that begins a new top-level key, else the number of lines."""
    dash = len(lines[start]) - len(lines[start].lstrip())
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if not _is_filler(line) and len(line) - len(line.lstrip()) <= dash:
            return number
    return len(lines)


def _is_filler(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _appended(text: str, path: Path, new: Specs) -> str:
    lines = text.splitlines(keepends=True)
    tree = parse_tree(text, path)
    items = tree["sources"]
    if items:
        at = _span(text, path, len(items) - 1)[1]
        indent = items.lc.item(0)[1] - 2  # the column of the dash
    else:  # `sources: []`, on one line or, after the last removal, on two
        head = tree.lc.key("sources")[0]
        empty = next(number for number in range(head, len(lines)) if "[]" in lines[number])
        rest = lines[empty].replace("[]", "", 1).rstrip()
        lines[empty : empty + 1] = [rest + "\n"] if rest else []
        at, indent = max(head, empty if rest else empty - 1) + 1, 2
    lines.insert(at, textwrap.indent(_block(new), " " * indent))
    return "".join(lines)


def _block(specs: Specs) -> str:
    """Return the sources as YAML list items that begin in the first column; `enabled` only where it says something."""
    yaml = round_trip()
    yaml.width = 10_000  # no value of ours is folded over two lines
    out = StringIO()
    yaml.dump([spec.model_dump(mode="json", exclude_defaults=True) for spec in specs], out)
    return textwrap.dedent(out.getvalue())
