"""The stored observations of a run, judged line by line, and found again where they stand.

A line is decoded where it is needed and not kept: 100,000 observations would not fit into memory
as objects. Where there are many, several processes judge them side by side.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import lzma
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from aftercancel import judge
from aftercancel.errors import CouldNotTell, StorageError
from aftercancel.judge import Fingerprint
from aftercancel.model import Observation, Outcome
from aftercancel.results.lines import (
    PACKED,
    BadLine,
    Parser,
    again,
    attempt_key,
    cannot_unpack,
)

Given = TypeVar("Given")
Made = TypeVar("Made")

Told = Callable[[float], None]
"""Takes the share of some work that is done, from 0 to 1."""


def to_nobody(share: float) -> None:
    """Where nobody wants to know how far the work is."""


_BATCH = 1 << 20
"""Bytes of the file that one process judges in one go."""
_MOST_PROCESSES = 4


class Place(NamedTuple):
    """Where a line stands in the file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """One stored observation: its outcome, and where it stands."""

    cell: str
    attempt: int
    place: Place
    outcome: Outcome
    behaviour: bytes
    """The same for equal fingerprints; empty where they were not asked for."""

    @property
    def key(self) -> str:
        return attempt_key(self.cell, self.attempt)


@dataclass(frozen=True, slots=True)
class JudgedLines:
    """Every line of a file of observations."""

    lines: Mapping[str, JudgedLine]
    """By the key of the attempt, in the order of the file."""
    bad: tuple[BadLine, ...]
    prints: Mapping[bytes, Fingerprint]
    """Every fingerprint once, by ``JudgedLine.behaviour``."""


class StoredLines:
    """An open file of observations; compressed ones are unpacked into a file without a name."""

    def __init__(self, path: Path) -> None:
        self._parse = Parser()
        with contextlib.ExitStack() as opened:
            try:
                file: Any = opened.enter_context(path.open("rb"))
                if path.suffix == PACKED:
                    file = opened.enter_context(_unpacked(path))
            except OSError as error:
                raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
            self._fd = file.fileno()
            self._size = os.fstat(self._fd).st_size
            self._cleanup = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def observation(self, place: Place) -> Observation:
        """The observation that stands there; it was judged before, so it can be read."""
        found = self._parse(self.text(place))
        assert isinstance(found, Observation), found
        return found

    def text(self, place: Place) -> bytes:
        """The line itself."""
        return os.pread(self._fd, place.length, place.start)

    def judged(self, *, prints: bool, processes: int = 1, told: Told = to_nobody) -> JudgedLines:
        """Judge every line; with ``prints``, make their fingerprints too.

        ``told`` is called with the share of the work that is done.

        The second observation of the same attempt is a bad line: the first one stands.
        """
        lines: dict[str, JudgedLine] = {}
        bad: list[BadLine] = []
        found_prints: dict[bytes, Fingerprint] = {}
        before = 0
        judge_batch = partial(_judge_batch, self._fd, prints)
        batches = self._batches()
        for done, batch in enumerate(side_by_side(judge_batch, batches, processes), 1):
            for entry in batch.entries:
                if isinstance(entry, BadLine):
                    bad.append(BadLine(before + entry.number, entry.problem))
                elif entry[1].key in lines:
                    bad.append(again(before + entry[0], entry[1].key))
                else:
                    lines[entry[1].key] = entry[1]
            for digest, one in batch.prints.items():
                found_prints.setdefault(digest, one)
            before += batch.count
            told(done / len(batches))
        return JudgedLines(lines, tuple(bad), found_prints)

    def _batches(self) -> Sequence[Place]:
        """The whole file in pieces that end with a line."""
        places: list[Place] = []
        start = 0
        while start < self._size:
            end = min(start + _BATCH, self._size)
            while end < self._size:
                ahead = os.pread(self._fd, _BATCH, end)
                newline = ahead.find(b"\n")
                end += newline + 1 if newline >= 0 else len(ahead)
                if newline >= 0 or not ahead:
                    break
            places.append(Place(start, end - start))
            start = end
        return places


@dataclass(slots=True)
class _Batch:
    """What one process made of one piece of the file."""

    entries: list[tuple[int, JudgedLine] | BadLine] = field(default_factory=list)
    """With the number of the line in the piece, from 1."""
    prints: dict[bytes, Fingerprint] = field(default_factory=dict)
    count: int = 0


def _judge_batch(fd: int, prints: bool, piece: Place) -> _Batch:
    made, parse = _Batch(), Parser()
    start = piece.start
    for line in io.BytesIO(os.pread(fd, piece.length, piece.start)):
        made.count += 1
        place = Place(start, len(line))
        start += len(line)
        if not line.strip():
            continue
        found = parse(line)
        if isinstance(found, str):
            made.entries.append(BadLine(made.count, found))
            continue
        behaviour = b""
        if prints:
            one = judge.fingerprint(found)
            behaviour = hashlib.blake2b(one.text.encode(), digest_size=16).digest()
            made.prints.setdefault(behaviour, one)
        judged = JudgedLine(found.cell, found.attempt, place, judge.judged(found), behaviour)
        made.entries.append((made.count, judged))
    return made


def side_by_side(
    make: Callable[[Given], Made], given: Sequence[Given], processes: int
) -> Iterator[Made]:
    """``map``, in as many processes as are worth it; in order.

    They are forked, so that what ``make`` holds need not be sent; who has threads must ask for
    one process only.
    """
    count = min(processes, len(given))
    if count < 2:
        yield from map(make, given)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, context, _remember, (make,)) as pool:
        try:
            yield from pool.map(_made, given)
        except BrokenProcessPool as error:
            raise CouldNotTell(
                "A process that judged stored observations was killed, perhaps for want of memory. "
                "What was measured is kept: run the command again."
            ) from error


_make: Callable[[Any], Any] | None = None


def _remember(make: Callable[[Any], Any]) -> None:
    global _make  # noqa: PLW0603 a worker process has this one task, inherited and not sent
    _make = make


def _made(given: Any) -> Any:
    assert _make is not None
    return _make(given)


def all_processors() -> int:
    """As many processes as judging is worth here."""
    return min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    with tempfile.TemporaryFile(prefix="aftercancel-") as file:
        try:
            with lzma.open(path) as packed:
                shutil.copyfileobj(packed, file)
        except (lzma.LZMAError, EOFError) as error:
            raise cannot_unpack(path, error) from error
        file.flush()
        yield file
