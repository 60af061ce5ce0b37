"""An export that a kill cannot spoil: stretches of the change log, each kept before the next one is read.

Beside FILE stands FILE.cursor: how far it is, and how long FILE was then. Whatever was written after that is cut off
when the same command runs again, so there is no gap and no repeat. When all is written the cursor goes.
"""

import csv
import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from workers.deliver.event import event_of, with_text
from workers.deliver.formats.rows import COLUMNS, Event, cells_of, row_of
from workers.domain.errors import WirewatchError
from workers.store.changes import last_seq, ledger_id
from workers.store.exports import Selection, changes_between

#: Numbers of the log that are read at a time: with texts of 10 kB some 15 MB of memory, and a query of milliseconds.
STRETCH = 1_000
#: Bytes of a group of rows in a Parquet file: large enough to read fast, small enough to hold.
ROW_GROUP = 64_000_000

ADVICE = "give the options that it was begun with, or remove both files to begin anew"


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an export is: everything up to `seq` is kept."""

    seq: int
    rows: int
    size: int  # of the output: bytes, or parts


class Output(Protocol):
    """A file that is being written."""

    place: Path  # what stands there meanwhile

    def begin(self) -> None:
        """Make the place, when it is not there."""

    def cut(self, size: int) -> None:
        """Take away what was written after it had this size. Raises WirewatchError when it is shorter."""

    def add(self, events: Sequence[Event]) -> int:
        """Write events, so that a power cut takes none of them; return the new size."""

    def finish(self) -> None:
        """Make the whole file of what was written, when it is not yet that."""

    def tidy(self) -> None:
        """Remove what only helped, after the cursor is gone."""


def export(engine: Engine, output: Path, form: str, wanted: Selection) -> Iterator[tuple[Reached, int]]:
    """Write a selection of the change log; give how far it is, and the newest number of the log, after each stretch.

    It goes on until the log has nothing newer, so an article that changes meanwhile is there as it is now.
    Raises WirewatchError when the file is somebody else's.
    """
    with engine.begin() as connection:
        ledger = ledger_id(connection)
    cursor = _Cursor(output, {"format": form, "ledger": ledger, **asdict(wanted)})
    reached = cursor.read()
    made = _output(output, form)
    if reached is None:
        reached = Reached(0, 0, 0)
        cursor.write(reached)  # before the file is: one without a cursor is not ours
    made.begin()
    with _alone(made.place):
        yield from _written(engine, ledger, wanted, made, cursor, reached)
        made.finish()
        cursor.remove()
        made.tidy()


def _written(
    engine: Engine, ledger: str, wanted: Selection, made: Output, cursor: "_Cursor", reached: Reached
) -> Iterator[tuple[Reached, int]]:
    made.cut(reached.size)
    while True:
        with engine.connect() as connection:
            newest = last_seq(connection)
            if reached.seq >= newest:
                return
            until = min(reached.seq + STRETCH, newest)
            rows = changes_between(connection, reached.seq, until, wanted)
        events = [_event(row, ledger, text=wanted.text) for row in rows]
        size = made.add(events) if events else reached.size
        reached = Reached(until, reached.rows + len(events), size)
        cursor.write(reached)
        yield reached, newest


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Keep other exports from what we write, as a schedule may start one before the last has ended."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise WirewatchError("another export is writing this file: wait for it") from error
    finally:
        os.close(descriptor)


def _event(row: Any, ledger: str, *, text: bool) -> Event:
    event = event_of(row, ledger)
    return with_text(event, row["text"]) if text else event


class _Cursor:
    """The file that says how far an export is."""

    def __init__(self, output: Path, question: dict[str, Any]) -> None:
        self._output = output
        self._file = output.with_name(f"{output.name}.cursor")
        self._question = json.loads(json.dumps(question, default=str))

    def read(self) -> Reached | None:
        """Return how far it is; None for a new export. Raises WirewatchError."""
        if not self._file.exists():
            if self._output.exists():
                raise WirewatchError(f"{self._output} is there already: name another file, or remove it")
            return None
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            reached = Reached(**kept["reached"])
        except (ValueError, KeyError, TypeError) as error:
            raise WirewatchError(f"{self._file} cannot be read: remove it and {self._output}") from error
        if kept["question"] != self._question:
            raise WirewatchError(f"{self._file} belongs to another export: {ADVICE}")
        return reached

    def write(self, reached: Reached) -> None:
        """Keep how far it is: either the old file or the new one is there, never half of one."""
        text = json.dumps({"question": self._question, "reached": asdict(reached)}, indent=1)
        _replace(self._file, text.encode())

    def remove(self) -> None:
        """Forget it: all is written."""
        self._file.unlink()


class _Lines:
    """JSON Lines, or CSV: bytes at the end of a file."""

    def __init__(self, path: Path, form: str) -> None:
        self.place = self._path = path
        self._form = form

    def begin(self) -> None:
        self.place.touch()

    def cut(self, size: int) -> None:
        with self._path.open("ab") as file:
            _refuse_shorter(file.tell(), size)
            file.truncate(size)
        if self._form == "csv" and size == 0:
            self._append(CSV_HEAD)

    def add(self, events: Sequence[Event]) -> int:
        return self._append(csv_lines(events) if self._form == "csv" else json_lines(events))

    def _append(self, data: bytes) -> int:
        with self._path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def finish(self) -> None:
        pass

    def tidy(self) -> None:
        pass


def json_lines(events: Sequence[Event]) -> bytes:
    """Return one event a line."""
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in events)
    return "".join(f"{line}\n" for line in lines).encode()


def csv_lines(events: Sequence[Event]) -> bytes:
    """Return one event a line, as RFC 4180 has it."""
    return _csv([cells_of(one) for one in events])


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


#: With the mark at the beginning by which spreadsheets know UTF-8: else they guess, and Persian or Chinese is lost.
CSV_HEAD = "\ufeff".encode() + _csv([[one.name for one in COLUMNS]])


class _Parquet:
    """Parquet, which nobody can add to: parts in a folder beside the file, put together at the end."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._path = path
        self.place = path.with_name(f"{path.name}.parts")
        kinds = {
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "text": pa.string(),
            "time": pa.timestamp("us", "UTC"),
            "texts": pa.list_(pa.string()),
            "numbers": pa.list_(pa.float64()),
        }
        self._schema = pa.schema([(one.name, kinds[one.kind]) for one in COLUMNS])

    def begin(self) -> None:
        self.place.mkdir(exist_ok=True)

    def cut(self, size: int) -> None:
        _refuse_shorter(len(self._parts()), size)
        for part in self._parts()[size:]:
            part.unlink()

    def add(self, events: Sequence[Event]) -> int:
        import pyarrow as pa
        import pyarrow.parquet as pq

        size = len(self._parts()) + 1
        part = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row_of(one) for one in events], self._schema), part, compression="zstd")
        _replace(self.place / f"{size:09}", part.getvalue().to_pybytes())
        return size

    def finish(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        fresh = self._path.with_name(f"{self._path.name}.new")
        with pq.ParquetWriter(fresh, self._schema, compression="zstd") as writer:
            held: list[Any] = []
            for part in self._parts():
                held.append(pq.read_table(part, schema=self._schema))
                if sum(table.nbytes for table in held) >= ROW_GROUP:
                    writer.write_table(pa.concat_tables(held))
                    held = []
            if held:
                writer.write_table(pa.concat_tables(held))
        _keep(fresh)
        fresh.replace(self._path)

    def tidy(self) -> None:
        shutil.rmtree(self.place)

    def _parts(self) -> list[Path]:
        return sorted(self.place.glob("[0-9]*"))


def _output(path: Path, form: str) -> Output:
    """Return the file to write. Raises WirewatchError when Parquet is wanted and pyarrow is not there."""
    if form != "parquet":
        return _Lines(path, form)
    try:
        return _Parquet(path)
    except ImportError as error:
        raise WirewatchError("Parquet needs pyarrow: pip install 'wirewatch[parquet]'") from error


def _refuse_shorter(found: int, size: int) -> None:
    if found < size:
        raise WirewatchError("the file is shorter than its cursor says: remove both to begin anew")


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    _keep(fresh)
    fresh.replace(path)


def _keep(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
