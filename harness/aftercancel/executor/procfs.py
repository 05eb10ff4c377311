"""What /proc says of a process. Process ids are those of the executor's PID namespace."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from aftercancel.model import Dispositions


@dataclass(frozen=True, slots=True)
class Activity:
    """Whether one process does anything, at one moment."""

    state: str
    """R, S, D, T, t, I (proc(5)); the busiest of its threads' states."""
    switches: int
    """Context switches of all its threads: equal at two looks when none ran between."""

    @property
    def blocked(self) -> bool:
        """Whether it waits for something, rather than running or wanting to run."""
        return self.state in "SDTtI"


@dataclass(frozen=True, slots=True)
class Look:
    """One process at one moment (proc(5): status, stat)."""

    uid: int
    inner_pid: int
    """In the innermost PID namespace, the cell's own."""
    inner_group: int
    inner_session: int
    terminal: str | None
    dispositions: Dispositions


_ACTIVITY = re.compile(
    rb"^State:\t(?P<state>.).*^Threads:\t(?P<threads>\d+)$.*"
    rb"^voluntary_ctxt_switches:\t(?P<voluntary>\d+)$\n"
    rb"^nonvoluntary_ctxt_switches:\t(?P<nonvoluntary>\d+)$",
    re.MULTILINE | re.DOTALL,
)


def activity(pid: int) -> Activity | None:
    """None when the process is gone (a zombie is gone: it runs nothing any more)."""
    found = _activity(f"/proc/{pid}/status")
    if found is None:
        return None
    state, switches, threads = found
    if state in "ZX" and threads == 1:
        return None
    if threads == 1:
        return Activity(state, switches)
    states, switches = "", 0
    for tid in _list(f"/proc/{pid}/task"):
        thread = _activity(f"/proc/{pid}/task/{tid}/status")
        if thread is not None:
            states += thread[0]
            switches += thread[1]
    # A leader that has ended while its threads go on is a zombie by its own state.
    busy = [state for state in states if state not in "SDTtIZX"]
    return Activity(busy[0] if busy else "S", switches)


def _activity(path: str) -> tuple[str, int, int] | None:
    match = _ACTIVITY.search(_read_bytes(path) or b"")
    if match is None:
        return None
    switches = int(match["voluntary"]) + int(match["nonvoluntary"])
    return match["state"].decode(), switches, int(match["threads"])


def look(pid: int) -> Look | None:
    """None when the process is gone."""
    status = _read(f"/proc/{pid}/status")
    if status is None:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if fields["State"][0] in "ZX" and fields["Threads"] == "1":
        return None
    return Look(
        uid=int(fields["Uid"].split()[0]),
        inner_pid=int(fields["NSpid"].split()[-1]),
        inner_group=int(fields["NSpgid"].split()[-1]),
        inner_session=int(fields["NSsid"].split()[-1]),
        terminal=_terminal(pid),
        dispositions=Dispositions(
            caught=signals_in(int(fields["SigCgt"], 16)),
            ignored=signals_in(int(fields["SigIgn"], 16)),
            blocked=signals_in(int(fields["SigBlk"], 16)),
        ),
    )


def _terminal(pid: int) -> str | None:
    """tty_nr of /proc/PID/stat as a device name; pseudoterminals have the majors 136 to 143."""
    stat = _read(f"/proc/{pid}/stat")
    if stat is None:
        return None
    number = int(stat.rsplit(")", 1)[1].split()[4]) & 0xFFFFFFFF
    if number == 0:
        return None
    major, minor = os.major(number), os.minor(number)
    return f"pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else f"{major}:{minor}"


@cache
def signal_name(number: int) -> str:
    """A signal's name without ``SIG``; real-time signals as ``RTMIN+n``, the C library's own
    (32, 33: nptl(7)) as their number.
    """
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        above = number - signal.SIGRTMIN
        return f"RTMIN+{above}" if above > 0 else str(number)


@lru_cache(maxsize=512)
def signals_in(mask: int) -> tuple[str, ...]:
    """The names in a mask of /proc/PID/status, in the order of their numbers."""
    return tuple(signal_name(n) for n in range(1, 65) if mask & (1 << (n - 1)))


def role_variable(pid: int) -> str | None:
    """``ROLE`` in the environment that the process was started with; None: not there or gone."""
    environment = _read_bytes(f"/proc/{pid}/environ")
    for entry in (environment or b"").split(b"\0"):
        if entry.startswith(b"ROLE="):
            return entry[5:].decode("utf-8", "replace")
    return None


def argv(pid: int) -> tuple[str, ...]:
    """The command line; empty when the process is gone."""
    line = _read_bytes(f"/proc/{pid}/cmdline")
    if not line:
        return ()
    words = line.removesuffix(b"\0").split(b"\0")
    return tuple(word.decode("utf-8", "replace") for word in words)


_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def children(pid: int) -> tuple[int, ...]:
    """The processes that have it as their parent now (CONFIG_PROC_CHILDREN)."""
    found: list[int] = []
    for tid in _list(f"/proc/{pid}/task"):
        found += [int(child) for child in (_read(f"/proc/{pid}/task/{tid}/children") or "").split()]
    return tuple(found)


def descendants(pid: int) -> Iterator[tuple[int, int]]:
    """(parent, child) for all below ``pid``, zombies included, parents first."""
    below = children if _KERNEL_LISTS_CHILDREN else _parents().get
    waiting = [pid]
    while waiting:
        parent = waiting.pop(0)
        for child in below(parent) or ():
            yield parent, child
            waiting.append(child)


def _parents() -> dict[int, list[int]]:
    """All of /proc by parent, where the kernel has no ``children`` (CONFIG_PROC_CHILDREN)."""
    found: dict[int, list[int]] = {}
    for name in _list("/proc"):
        stat = _read(f"/proc/{name}/stat") if name.isdigit() else None
        if stat is not None:
            found.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(name))
    return found


def alive(pid: int) -> bool:
    """Whether it exists and is no zombie."""
    stat = _read(f"/proc/{pid}/stat")
    return stat is not None and stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def _read(path: str) -> str | None:
    data = _read_bytes(path)
    return None if data is None else data.decode("utf-8", "replace")


def _read_bytes(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # gone (ENOENT, ESRCH), or between two states (EACCES)
        return None
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(fd)


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
