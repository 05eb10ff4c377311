"""How an adapter ends what it started, with everything below it, and by force."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

MARK = "AFTERCANCEL_RUNNER"
"""A variable that a runner is started with, and that what it starts inherits: so that what outlived
its parents is still known as its own."""
_LOOK_S = 0.01


def end_tree(pid: int, within_s: float = 3.0) -> bool:
    """KILL a process and all that descends from it; False: something was still there by then.

    One whose parent has ended is nobody's descendant any more: ``end_marked`` finds it.
    """
    return _end(lambda: tree(pid), within_s)


def end_marked(value: str, within_s: float = 3.0) -> bool:
    """KILL every process that has ``MARK`` with this value in its environment, as ``end_tree``.

    The environment is the one that its program was started with (proc_pid_environ(5)), so one that
    was started with an empty environment is not found.
    """
    entry = f"{MARK}={value}".encode()

    def marked() -> list[int]:
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    found += [int(name)] if entry in file.read().split(b"\0") else []
        return found

    return _end(marked, within_s)


def _end(find: Callable[[], list[int]], within_s: float) -> bool:
    """What is killed one after another could start something anew: so all are stopped first."""
    until = time.monotonic() + within_s
    stopped: set[int] = set()
    while True:
        new = {pid for pid in find() if _runs(pid)} - stopped
        for pid in new:
            _send(pid, signal.SIGSTOP)
        stopped |= new
        if not new:
            for pid in stopped:
                _send(pid, signal.SIGKILL)
            stopped = {pid for pid in stopped if _runs(pid)}
            if not stopped and not any(map(_runs, find())):
                return True
        if time.monotonic() > until:
            for pid in stopped:
                _send(pid, signal.SIGKILL)
            return False
        time.sleep(_LOOK_S)


def _send(pid: int, number: signal.Signals) -> None:
    # A job can have become somebody whom this process may not signal.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def tree(pid: int) -> list[int]:
    """The process and all below it, by the parents that /proc names; empty: it is not there."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(int(name))) is not None:
            children.setdefault(int(stat[1]), []).append(int(name))
    found = [pid] if _stat(pid) is not None else []
    for each in found:
        found += children.get(each, [])
    return found


def _runs(pid: int) -> bool:
    stat = _stat(pid)
    return stat is not None and stat[0] not in (b"Z", b"X")


def _stat(pid: int) -> list[bytes] | None:
    """State, parent and so on (proc_pid_stat(5), behind the program's name)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
