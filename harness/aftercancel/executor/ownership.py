"""Whose trace instance or control group is it? Their names say so, for who finds them later.

A name is ``aftercancel-PID-START-NAMESPACE``: the warden's pid, its start time (proc(5), stat,
field 22) and the inode of its PID namespace, since a pid means nothing in another one.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

PREFIX = "aftercancel-"
KERNEL_SUFFIX = "-kernel"
EXECS_SUFFIX = "-execs"


class Owner(Enum):
    """What can be said of the run that made it."""

    LIVES = "lives"
    GONE = "gone"
    ELSEWHERE = "in another PID namespace, so it cannot be told"


def own_name() -> str:
    """Unique on this machine for as long as it runs."""
    return f"{PREFIX}{os.getpid()}-{_start_time(os.getpid())}-{_pid_namespace()}"


def owner(name: str) -> Owner:
    """Whether the run that a name belongs to still lives; a name of no form of ours is gone's."""
    own = name.removeprefix(PREFIX).removesuffix(KERNEL_SUFFIX).removesuffix(EXECS_SUFFIX)
    words = own.split("-")
    if len(words) != 3 or not all(word.isdigit() for word in words):
        return Owner.GONE
    pid, start, namespace = words
    if int(namespace) != _pid_namespace():
        return Owner.ELSEWHERE
    return Owner.LIVES if _start_time(int(pid)) == int(start) else Owner.GONE


def _start_time(pid: int) -> int | None:
    """In clock ticks since boot; None: there is no such process."""
    try:
        # Bytes: a process may call itself anything.
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rsplit(b")", 1)[1].split()[19])


def _pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino
