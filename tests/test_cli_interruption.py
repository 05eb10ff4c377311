"""Runs that are told to stop, or killed. The place is a FAKE: nothing is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aftercancel.model import Observation
from aftercancel.results import BadLine, RunFolder
from tests import fake_place

# Vocabulary

CHOSEN = "exit-trap and plain/"
SLOW = "TERM-group=1000"
SOME_S = 60.0


pytestmark = pytest.mark.runs

AS_EVER = ("env", "--default-signal=HUP,INT,TERM")
"""Whoever runs these tests may ignore signals (nohup does), and programs inherit that."""


@contextmanager
def running(
    folder: Path, workers: str, behind: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A run in which the fast cells are measured and the slow ones never end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PYTHONPATH": fake_place.python_path(),
        "PYTEST_PLUGINS": "tests.fake_place",
        fake_place.SLOW: SLOW,
    }
    command = [sys.executable, "-m", "aftercancel", "run", "-k", CHOSEN, "-n", workers]
    process = subprocess.Popen(
        [*AS_EVER, *behind, *command, "--out", "run"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            wait_for_fast_cells(folder, process)
            yield process
    finally:
        process.kill()


def wait_for_fast_cells(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until nothing but the slow cells is missing."""
    deadline = time.monotonic() + SOME_S
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "run" / "run.json").exists():
            stored = RunFolder(folder / "run")
            record = stored.record()
            cells = record.cells if record is not None else ()
            fast = sum("TERM-group" not in cell for cell in cells)
            if fast and len(measured(folder)) == fast:
                return
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"The fast cells were not measured: {process.communicate()}")


def measured(folder: Path) -> list[str]:
    lines = RunFolder(folder / "run").observations()
    return [line.cell for line in lines if isinstance(line, Observation)]


def left_of_group(group: int) -> list[str]:
    """The command lines of the processes of a group that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(fields[2]) == group and fields[0] != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def everybody_is_gone(group: int) -> bool:
    deadline = time.monotonic() + SOME_S
    while left_of_group(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left_of_group(group)


# Told to stop


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_run_that_is_told_to_stop_keeps_and_shows_what_it_has(
    tmp_path: Path, name: str, workers: str
) -> None:
    with running(tmp_path, workers) as process:
        process.send_signal(signal.Signals[name])
        out, err = process.communicate(timeout=SOME_S)
    assert process.returncode == 2
    assert "exit-trap" in out
    assert "This run is incomplete." in out
    assert "Traceback" not in err
    record = RunFolder(tmp_path / "run").record()
    assert record is not None
    assert not record.complete
    assert record.why_not == f"It was stopped: {name}."
    assert record.ended is not None
    outcomes = (tmp_path / "run" / "outcomes.jsonl").read_text().splitlines()
    assert len(outcomes) == len(measured(tmp_path)) > 0
    assert everybody_is_gone(process.pid)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_behind_nohup_goes_on_when_the_terminal_hangs_up(
    tmp_path: Path, workers: str
) -> None:
    with running(tmp_path, workers, behind=["nohup"]) as process:
        os.killpg(process.pid, signal.SIGHUP)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=SOME_S)
    assert process.returncode == 2
    assert "It was stopped: SIGTERM." in out
    assert everybody_is_gone(process.pid)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interrupt_of_the_whole_foreground_stops_it_as_well(
    tmp_path: Path, workers: str
) -> None:
    """As ^C at a terminal does it."""
    with running(tmp_path, workers) as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=SOME_S)
    assert process.returncode == 2
    assert "This run is incomplete." in out
    assert "Traceback" not in err
    assert everybody_is_gone(process.pid)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_second_interrupt_ends_it_at_once(tmp_path: Path, workers: str) -> None:
    with running(tmp_path, workers) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SOME_S)
    assert process.returncode == 2
    assert "Traceback" not in err
    assert measured(tmp_path)
    assert everybody_is_gone(process.pid)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_is_killed_can_be_read_and_says_that_it_is_incomplete(
    tmp_path: Path, workers: str
) -> None:
    with running(tmp_path, workers) as process:
        process.kill()
    stored = RunFolder.open(tmp_path / "run")
    record = stored.record()
    assert record is not None
    assert not record.complete
    assert record.why_not == "It has not ended yet, or was killed."
    assert not [line for line in stored.observations() if isinstance(line, BadLine)]
    assert everybody_is_gone(process.pid)
