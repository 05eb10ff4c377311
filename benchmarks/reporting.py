"""Judging and rendering: the committed reference run, and 100,000 observations made of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aftercancel.errors import MissingError
from aftercancel.model import Observation
from aftercancel.results import LineWriter, Record, RunFolder, SliceRecord, encode, key
from benchmarks.memory import MemoryWatch

REFERENCE = Path(__file__).resolve().parent.parent / "reports" / "measured"
MANY = 100_000
_CHROMIUM = Path("/usr/bin/chromium")


@dataclass(frozen=True, slots=True)
class Cost:
    """One `aftercancel report` as a whole process, from its start to its end."""

    observations: int
    wall_s: float
    peak_mb: float
    """PSS of all its processes, from a run of its own: sampling takes time."""
    html_mb: float
    opens_s: float | None
    """Until the page has its matrix, in Chromium; None: there is no browser."""
    chooses_s: float | None
    """From choosing another shell to the new matrix."""


def reference() -> tuple[list[Observation], Record]:
    """The first attempt at each cell of the reference run."""
    folder = RunFolder.open(REFERENCE)
    record = folder.record()
    if record is None:
        raise MissingError(
            f"{REFERENCE} has no run.json: make the reference run by `make reports`."
        )
    found = [
        line
        for line in folder.observations()
        if isinstance(line, Observation) and line.attempt == 1
    ]
    return found, dataclasses.replace(
        record, repeat=1, cells=tuple(name for name in record.cells if "#" not in name)
    )


def as_attempts(observation: Observation, copy: int) -> Observation:
    """The copy as one more attempt at the same cell."""
    return dataclasses.replace(observation, attempt=copy + 1)


def as_versions(observation: Observation, copy: int) -> Observation:
    """The copy as the same cell with another version of the runner."""
    words = observation.cell.split("/")
    words[3] = f"{words[3]}@{copy}"
    return dataclasses.replace(observation, cell="/".join(words))


def stored(
    folder: Path, count: int | None, copied: Callable[[Observation, int], Observation] = as_attempts
) -> int:
    """Write a run of so many observations (None: as many as the reference has)."""
    observations, record = reference()
    made = RunFolder.create(folder)
    names: list[str] = []
    with made.writer() as writer:
        for each in _copies(observations, count or len(observations), copied):
            names.append(key(each))
            _append(writer, each)
    cells = tuple(dict.fromkeys(name.partition("#")[0] for name in names))
    made.write_record(
        dataclasses.replace(
            record,
            cells=tuple(names),
            slices=_slices(record, cells),
            repeat=2 if len(cells) < len(names) else 1,
        )
    )
    return len(names)


def _copies(
    observations: list[Observation], count: int, copied: Callable[[Observation, int], Observation]
) -> Iterator[Observation]:
    for n in range(count):
        yield copied(observations[n % len(observations)], n // len(observations))


def _append(writer: LineWriter, observation: Observation) -> None:
    writer.append(encode(observation))


def _slices(record: Record, cells: tuple[str, ...]) -> tuple[SliceRecord, ...]:
    """The copies of a cell are in the slices of the cell."""
    by_original: dict[str, list[str]] = {}
    for cell in cells:
        words = cell.split("/")
        words[3] = words[3].partition("@")[0]
        by_original.setdefault("/".join(words), []).append(cell)
    return tuple(
        dataclasses.replace(
            each, cells=tuple(copy for cell in each.cells for copy in by_original.get(cell, ()))
        )
        for each in record.slices
    )


def cost(
    count: int | None, copied: Callable[[Observation, int], Observation] = as_attempts
) -> Cost:
    """Time first, memory in a second run, then the page in a browser."""
    with tempfile.TemporaryDirectory(prefix="aftercancel-bench-") as made:
        folder, page = Path(made) / "run", Path(made) / "report.html"
        number = stored(folder, count, copied)
        began = time.monotonic()
        with _reporting(folder, page) as process:
            process.wait()
        wall_s = time.monotonic() - began
        with _reporting(folder, page) as process, MemoryWatch(process.pid) as watch:
            process.wait()
        opens_s, chooses_s = in_browser(page)
        return Cost(
            number, wall_s, watch.peak.pss_mb, page.stat().st_size / 1e6, opens_s, chooses_s
        )


@contextlib.contextmanager
def _reporting(folder: Path, page: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "aftercancel", "report", "--run", str(folder), "--out", str(page)]
    # As a user has it: Python may keep what it has compiled.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield process


def in_browser(page: Path) -> tuple[float | None, float | None]:
    """How long the page takes to show its matrix, and to show another choice of it."""
    if not _CHROMIUM.exists():
        return None, None
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None, None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(_CHROMIUM), args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            began = time.monotonic()
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
            opens_s = time.monotonic() - began
            tab.select_option("#choose-slice", "")
            began = time.monotonic()
            tab.select_option("#choose-shell", "dash")
            tab.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
            return opens_s, time.monotonic() - began
        finally:
            browser.close()
