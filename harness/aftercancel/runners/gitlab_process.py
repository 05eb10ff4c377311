"""The process of a started GitLab Runner, and its end together with what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from aftercancel.runners.ground import Ground

_KILL_S = 3.0
_ENDING_S = 1.0
"""How long one that was killed may take to be gone."""


class Process:
    """One process; not started at first."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str | Path], *, as_root: bool) -> int:
        """Returns its id."""
        self._process = self._ground.spawn(argv, as_root=as_root)
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def stays(self) -> bool:
        """Whether it is alive and not about to end either."""
        if self._process is None:
            return False
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            return True
        return False

    @property
    def ended(self) -> str:
        """How, in words."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return "gitlab-runner is not running"
        how = f"with status {status}" if status >= 0 else f"of {signal.Signals(-status).name}"
        return f"gitlab-runner ended {how}"

    def end(self) -> None:
        """By TERM, then by KILL, with what it started and is still its own."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.ExitStack() as stack:
            below = [_held(pid, stack) for pid in _below(process.pid)]
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_KILL_S)
            below += [_held(pid, stack) for pid in _below(process.pid)]
            if process.poll() is None:
                process.kill()
                process.wait()
            for held in below:
                if held is not None:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        signal.pidfd_send_signal(held, signal.SIGKILL)


def _below(pid: int) -> Iterator[int]:
    """The process's descendants, by the parents that /proc names."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rsplit(b")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    yield from found[1:]


def _held(pid: int, stack: contextlib.ExitStack) -> int | None:
    """A descriptor of the process, so that nobody else is killed in its place."""
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return None
    stack.callback(os.close, held)
    return held
