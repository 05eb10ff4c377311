"""A run in an image whose harness is killed: nothing of it is left, whenever that was.

Killed is the process in front, with SIGKILL, at moments spread over a run's whole life: before
anything is made, while the image is asked, while cells are measured, while all is removed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from aftercancel.executor.ownership import PREFIX
from aftercancel.places import reaping
from aftercancel.places.daemon import Daemon
from aftercancel.places.labels import RUN

MOMENTS = 20
AT_ONCE = 4
SEED = 20_261_122
GONE_WITHIN_S = 90.0
"""The reaper leaves an executor 15 s to end by itself, and waits 5 s for what comes late."""
_MARK = "AFTERCANCEL_TEST_RUN"


@dataclass(frozen=True)
class Run:
    """One that was started, and by what its processes and things are known."""

    process: subprocess.Popen[bytes]
    mark: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def processes(self) -> list[int]:
        """Those that have our mark in their environment (proc(5)), zombies aside."""
        return [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if f"{_MARK}={self.mark}".encode() in _read(folder / "environ").split(b"\0")
        ]

    def things(self, daemon: Daemon) -> list[str]:
        """What the daemon has of it."""
        owner = f" {PREFIX}{self.process.pid}-"
        found = reaping.look(daemon, {"label": RUN})
        return [f"{each.kind.value} {each.name}" for each in found if owner in each.client]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def start(image: str, folder: Path, *words: str) -> Run:
    mark = f"{os.getpid()}-{folder.name}"
    command = [sys.executable, "-m", "aftercancel", "run", "--image", image, "--out", str(folder)]
    process = subprocess.Popen(
        [*command, "-k", "dash and exit-trap and TERM", "--slice", "traps", *words],
        env={**os.environ, _MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Run(process, mark)


def moments(life_s: float) -> list[float]:
    """One in each twentieth of a life and a bit, where chance puts it."""
    chance = random.Random(SEED)  # noqa: S311  # the same moments in every run
    part = 1.1 * life_s / MOMENTS
    return [(number + chance.random()) * part for number in range(MOMENTS)]


def eventually(true: Callable[[], bool], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while not true() and time.monotonic() < until:
        time.sleep(0.2)
    return true()


@pytest.fixture
def life_s(image: str, tmp_path: Path) -> float:
    """How long a run lasts that nobody kills."""
    began = time.monotonic()
    run = start(image, tmp_path / "whole")
    assert run.process.wait(150) == 0
    return time.monotonic() - began


@pytest.mark.timeout(900)
@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["alone", "workers"])
def test_twenty_kills_leave_nothing(
    image: str, daemon: Daemon, life_s: float, tmp_path: Path, words: tuple[str, ...]
) -> None:
    count = MOMENTS if not words else MOMENTS // 4
    waiting = list(enumerate(moments(life_s)))[:: MOMENTS // count]
    left: dict[float, object] = {}
    while waiting:
        batch, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        runs = [(moment, start(image, tmp_path / str(n), *words)) for n, moment in batch]
        began = time.monotonic()
        for moment, run in runs:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            run.kill()
        for moment, run in runs:
            if not eventually(partial(_nothing_left, run, daemon), GONE_WITHIN_S):
                left[moment] = _left(run, daemon)
    assert not left


def _nothing_left(run: Run, daemon: Daemon) -> bool:
    return not _left(run, daemon)


def _left(run: Run, daemon: Daemon) -> list[object]:
    return [*run.processes(), *run.things(daemon)]


def test_a_kill_of_the_whole_session_leaves_nothing(
    image: str, daemon: Daemon, life_s: float, tmp_path: Path
) -> None:
    run = start(image, tmp_path / "session", "-n", "2")
    time.sleep(life_s / 2)
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert eventually(partial(_nothing_left, run, daemon), GONE_WITHIN_S), _left(run, daemon)


def test_a_run_that_ends_leaves_nothing_behind_its_last_word(
    image: str, daemon: Daemon, tmp_path: Path
) -> None:
    run = start(image, tmp_path / "whole", "-n", "2")
    assert run.process.wait(150) == 0
    assert run.things(daemon) == []
    assert run.processes() == []
