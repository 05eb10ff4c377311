"""A FAKE place for the tests of the front doors: nothing is run, observations are made up.

It is a pytest plugin (``-p tests.fake_place``, or PYTEST_PLUGINS for a command in a process of its
own). What it does is told by environment variables, so that xdist workers are told the same.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from aftercancel.errors import CouldNotTell, MissingError
from aftercancel.model import (
    Cell,
    Decided,
    Declared,
    Dispositions,
    End,
    Evidence,
    Fired,
    Left,
    LeftFile,
    Mark,
    Observation,
    Process,
    Report,
    Said,
    Stream,
    Trouble,
    TroubleKind,
)

UNKNOWN = "FAKE_UNKNOWN"
"""Cells with this word in their id cannot be measured."""
SLOW = "FAKE_SLOW"
"""``WORD=SECONDS``: cells with this word in their id take so long."""
DIES_AFTER = "FAKE_DIES_AFTER"
"""The place stops for good after so many cells."""
KILLS_WORKER = "FAKE_KILLS_WORKER"
"""A file; whoever can remove it kills its own process with SIGKILL after a few cells."""
MISSING = "FAKE_MISSING"
"""What the machine lacks, if it lacks something."""
LOG = "FAKE_LOG"
"""A file that gets a line for each batch: process id and number of cells."""
KEEPS = "FAKE_KEEPS"
"""Not empty: the files that a clean-up must remove are still there."""
REVERSED = "FAKE_REVERSED"
"""Not empty: cells that take equally long are done in the opposite order."""
PAD = "FAKE_PAD"
"""So many bytes of output in each observation."""
ABSENT = "FAKE_ABSENT"
"""Programs that the machine lacks, with a space between two (``absence/sitecustomize.py``)."""


def python_path() -> str:
    """Where processes of their own find this module and the package."""
    root = Path(__file__).parents[1]
    folders = (root / "harness", root, root / "tests" / "absence")
    return os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])


class FakePlace:
    """Answers for every cell, in the order of their made-up durations."""

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._left = threading.Event()

    def __enter__(self) -> Self:
        if MISSING in os.environ:
            raise MissingError(os.environ[MISSING])
        return self

    def __exit__(self, *error: object) -> None:
        self._left.set()

    def facts(self) -> Mapping[str, object]:
        return {"place": "a fake", "in_flight": self._in_flight}

    def measure(self, cells: Iterable[Cell]) -> Iterator[Observation]:
        asked = list(cells)[:: -1 if os.environ.get(REVERSED) else 1]
        _log(f"{os.getpid()} {len(asked)}")
        started = time.monotonic()
        for done, cell in enumerate(sorted(asked, key=_duration)):
            if self._left.wait(max(0.0, started + _duration(cell) - time.monotonic())):
                raise CouldNotTell("The fake place was left.")
            if done == int(os.environ.get(DIES_AFTER, "-1")):
                raise CouldNotTell("The fake executor died.")
            yield made_up(cell)
            if done == 2:
                _perhaps_kill_worker()


def made_up(cell: Cell) -> Observation:
    """An observation that could be true: everybody dies of the cancellation at once."""
    if os.environ.get(UNKNOWN) and os.environ[UNKNOWN] in cell.id:
        return Observation(
            cell=cell.id,
            attempt=cell.attempt,
            evidence=Evidence.TRACE,
            trouble=Trouble(TroubleKind.LOST_EVENTS, "the fake lost events"),
        )
    pad = "x" * int(os.environ.get(PAD, "0"))
    cleanup = cell.job.cleanup
    return Observation(
        cell=cell.id,
        attempt=cell.attempt,
        evidence=Evidence.TRACE,
        armed_ms=-20.0,
        fired=(Fired(0.0, "TERM to group"),) if cell.cancellation.steps else (),
        decided_ms=300.0,
        decided=Decided.ALL_GONE,
        processes=(_process(0, "runner", None), _process(1, "job", 0)),
        marks=tuple(Mark(1.0, "job", f"{cleanup} {part}") for part in ("begin", "end"))
        if cleanup
        else (),
        stdout=Stream(pad, len(pad), 0, cut=False),
        present=cell.job.removes,
        left=Left(files=tuple(LeftFile(path, 0, "file") for path in _kept(cell))),
        report=Report(200.0, Said.CANCELLED if cell.cancellation.steps else Said.SUCCESS, End(0)),
        declared=Declared(cell.job.marks, cleanup, cell.job.removes, cell.job.pause_s),
    )


def _kept(cell: Cell) -> tuple[str, ...]:
    return cell.job.removes if os.environ.get(KEEPS) else ()


def _process(key: int, role: str, parent: int | None) -> Process:
    return Process(
        key=key,
        role=role,
        program="sh",
        argv=("sh", "job.sh"),
        user="ci",
        parent=parent,
        pid=key + 2,
        group=key + 2,
        session=key + 2,
        terminal=None,
        dispositions=Dispositions((), (), ()),
        started_ms=-100.0,
        ended_ms=None if key == 0 else 100.0,
        end=None if key == 0 else End(status=0),
    )


def _duration(cell: Cell) -> float:
    word, _, seconds = os.environ.get(SLOW, "nothing=0").partition("=")
    return float(seconds) if word in cell.id else 0.0


def _log(line: str) -> None:
    if LOG in os.environ:
        with Path(os.environ[LOG]).open("a") as file:
            file.write(f"{line}\n")


def _perhaps_kill_worker() -> None:
    try:
        Path(os.environ.get(KILLS_WORKER, "/nonexistent")).unlink()
    except FileNotFoundError:
        return
    time.sleep(0.2)  # so that some of what was measured has been reported as well
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.hookimpl
def pytest_aftercancel_place(in_flight: int) -> FakePlace:
    return FakePlace(in_flight)
