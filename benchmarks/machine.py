"""The processors of the whole machine, and how much of them was used between two looks."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _STEAL = 3, 4, 7
"""Columns of the line ``cpu`` in /proc/stat (proc(5))."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the machine."""

    at_s: float
    unused_s: float
    """Processor seconds that nobody used, of all processors, since the machine started."""


def look() -> Look:
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    # The kernel counts idle time exactly and guesses at the rest (it looks at each tick), so what
    # was used is reckoned from what was not.
    unused = sum(int(words[column]) for column in (_IDLE, _IOWAIT, _STEAL))
    return Look(time.monotonic(), unused / _TICKS)


def used_s(before: Look, after: Look, processors: int | None = None) -> float:
    """Processor seconds used by everybody, kernel threads included, between two looks."""
    count = processors or os.cpu_count() or 1
    return max(0.0, (after.at_s - before.at_s) * count - (after.unused_s - before.unused_s))


def rested(seconds: float = 1.0) -> float:
    """Let the kernel finish what a run has left it to do (namespaces go by and by).

    Returns the share of the machine that is in use while we do nothing.
    """
    time.sleep(seconds)
    before = look()
    time.sleep(seconds)
    after = look()
    return used_s(before, after) / ((after.at_s - before.at_s) * (os.cpu_count() or 1))


def available_mb() -> float:
    """Memory that can still be had without swapping (MemAvailable of proc(5))."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/meminfo does not tell MemAvailable; Linux has it since 3.14")


def facts() -> dict[str, object]:
    """What figures of this machine should be read beside."""
    return {
        "processors": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
