"""The memory of a process and of everything that it started, at its highest."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.machine import available_mb

_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest of all samples."""

    pss_mb: float
    """Proportional set size: a page that three processes share counts a third in each."""
    processes: int
    """How many processes there were at that moment."""
    machine_mb: float
    """By how much the machine's available memory had shrunk at most, the kernel's own included."""
    samples: int


def below(top: int) -> list[int]:
    """The process and all its descendants, in whatever PID namespace they are."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{name}/stat").read_text(errors="replace")
                children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(name))
    found = [top]
    for pid in found:
        found += children.get(pid, [])
    return found


def pss_kb(pid: int) -> int:
    """0 for one that has gone, is a zombie or a kernel thread."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


class MemoryWatch:
    """Samples while it is entered. Reading costs time: never measure time in the same run."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before_mb = available_mb()
        self.peak = Peak(0.0, 0, 0.0, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            sizes = [pss_kb(pid) for pid in below(self._top)]
            mb, living = sum(sizes) / 1024, sum(size > 0 for size in sizes)
            old = self.peak
            self.peak = Peak(
                pss_mb=max(old.pss_mb, mb),
                processes=living if mb > old.pss_mb else old.processes,
                machine_mb=max(old.machine_mb, self._before_mb - available_mb()),
                samples=old.samples + 1,
            )
