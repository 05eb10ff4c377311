"""The lab, started as its users start it, and what the run cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aftercancel.errors import CouldNotTell, ExitStatus
from aftercancel.model import Observation
from aftercancel.results import RunFolder
from benchmarks import machine
from benchmarks.memory import MemoryWatch, Peak


@dataclass(frozen=True, slots=True)
class Run:
    """One ``aftercancel run`` from its start to its end."""

    observations: tuple[Observation, ...]
    wall_s: float
    tree_cpu_s: float
    """User and system time of the process and of all that were waited for.

    Not of what dies with a sandbox's PID 1: the kernel reaps that itself, and counts it for nobody.
    """
    machine_cpu_s: float
    """What the whole machine used meanwhile: kernel threads and processes reaped late included."""
    peak: Peak | None
    """None: memory was not watched."""

    @property
    def cells(self) -> int:
        return len(self.observations)

    @property
    def troubles(self) -> int:
        return sum(observation.trouble is not None for observation in self.observations)

    @property
    def longest_wait_s(self) -> float:
        """From armed to decided, of the slowest cell."""
        return longest_wait_s(self.observations)

    def bound_s(self, processors: int) -> float:
        return bound_s(self.machine_cpu_s, processors, self.longest_wait_s)


def longest_wait_s(observations: Sequence[Observation]) -> float:
    waits = [
        (seen.decided_ms - seen.armed_ms) / 1000
        for seen in observations
        if seen.decided_ms is not None and seen.armed_ms is not None
    ]
    return max(waits, default=0.0)


def bound_s(cpu_s: float, processors: int, longest_s: float) -> float:
    """No run can be faster: its work has to be done, and its slowest cell waited for."""
    return max(cpu_s / processors, longest_s)


def run(*options: str, watch_memory: bool = False) -> Run:
    """Run the lab into a folder that is thrown away. Raises ``CouldNotTell`` where it fails."""
    with tempfile.TemporaryDirectory(prefix="aftercancel-benchmark-") as scratch:
        folder = Path(scratch) / "run"
        command = [sys.executable, "-m", "aftercancel", "run", "--out", str(folder), *options]
        with open(Path(scratch) / "said", "w+b") as said:
            before = machine.look()
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            peak = None
            try:
                if watch_memory:
                    with MemoryWatch(process.pid) as watch:
                        cpu_s, status = _wait(process)
                    peak = watch.peak
                else:
                    cpu_s, status = _wait(process)
            except BaseException:
                # It tears its cells down by itself when it is told to stop.
                process.terminate()
                process.wait()
                raise
            after = machine.look()
            said.seek(0)
            words = said.read().decode("utf-8", "replace")
        # Weak evidence may be unable to tell some outcome; it was measured all the same.
        if status not in {ExitStatus.FINE, ExitStatus.COULD_NOT_TELL}:
            tail = "\n".join(words.splitlines()[-5:])
            raise CouldNotTell(f"{' '.join(command)} ended with status {status}: {tail}")
        observations = tuple(
            line for line in RunFolder.open(folder).observations() if isinstance(line, Observation)
        )
    return Run(
        observations=observations,
        wall_s=after.at_s - before.at_s,
        tree_cpu_s=cpu_s,
        machine_cpu_s=machine.used_s(before, after),
        peak=peak,
    )


def _wait(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Processor seconds, and the exit status."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, process.returncode
