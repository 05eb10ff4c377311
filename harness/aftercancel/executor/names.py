"""Who a program is when it has just been started: its command line and its ``ROLE``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from aftercancel.executor import procfs


@dataclass(frozen=True, slots=True)
class Named:
    """What /proc said of one process after one execve(2)."""

    argv: tuple[str, ...]
    """Empty: it had ended before it was looked at."""
    role_variable: str | None
    looked_ns: int
    """When it was looked at, in nanoseconds of CLOCK_MONOTONIC."""


class Names(Protocol):
    """Whoever knows."""

    def at_exec(self, pid: int, at_ns: int) -> Named:
        """Of the program that ``pid`` became at ``at_ns``, or as near to it as can be told."""
        ...


class AskedNow:
    """/proc, when the question comes: what has ended by then has no name."""

    def at_exec(self, pid: int, at_ns: int) -> Named:
        """See ``Names``."""
        del at_ns
        return look(pid)


def look(pid: int) -> Named:
    """What /proc says at this moment."""
    looked_ns = time.monotonic_ns()
    argv = procfs.argv(pid)
    return Named(argv, procfs.role_variable(pid) if argv else None, looked_ns)
