"""Who tells a cell's history what happens: the kernel's trace, or /proc and pidfds.

Both are one loop for all cells in flight, and both hand over the same events.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Iterator
from typing import Protocol

from aftercancel.executor import procfs
from aftercancel.executor.events import (
    Event,
    Execed,
    Exited,
    Forked,
    Generated,
    Marked,
)
from aftercancel.executor.history import History
from aftercancel.executor.rootfs import MARKS
from aftercancel.executor.trace import Trace
from aftercancel.model import Evidence

_TRACE_TURN_S = 0.004
_PROC_TURN_S = 0.01


EVENTS_OF_A_CELL = 20_000
"""The largest cell of the catalogue makes a few hundred."""
EVENTS_WITH_A_RUNNER = 200_000
"""A JVM's or a Go program's threads make some too."""


class Clock:
    """How far a watcher has come; one for all its cells."""

    def __init__(self) -> None:
        self.up_to_ns = 0
        """Everything that happened before this moment is in the histories."""
        self._turned = asyncio.Event()

    def turn(self, up_to_ns: int) -> None:
        self.up_to_ns = up_to_ns
        self._turned.set()
        self._turned.clear()

    async def reach(self, moment_ns: int) -> None:
        """Until the watcher has read everything that happened before that moment."""
        while self.up_to_ns < moment_ns:
            await self._turned.wait()


class Follower:
    """One cell's place in a watcher: its history, and word when something was added to it."""

    def __init__(
        self, init_pid: int, history: History, clock: Clock, *, most: int = EVENTS_OF_A_CELL
    ) -> None:
        """``most``: after so many events of one cell nothing more is taken in."""
        self._most = most
        self.init_pid = init_pid
        self.clock = clock
        self.history = history
        self.changed = asyncio.Event()
        self.lost = False
        self.flooded = False
        """Whether it made more events than a cell may."""
        self._taken = 0
        self.until_ns: int | None = None
        """Nothing after this moment is taken in."""
        self.gone_since: set[int] = set()
        """But who has ended after it."""
        self._later: list[Event] | None = None

    def remember_what_follows(self) -> None:
        """What comes after the decision counts for the next cell in this sandbox."""
        self._later = []

    def catch_up(self) -> None:
        """Let the history have what happened since the cell was decided, to go on from there."""
        self.until_ns = None
        self.gone_since.clear()
        later, self._later = self._later or [], []
        for event in later:
            self.history.add(event)

    def turn_to(self, history: History) -> None:
        """Another cell begins, in the same sandbox."""
        self.history = history
        self._taken = 0
        self.flooded = self.lost = False

    @property
    def floods(self) -> bool:
        """Whether it is this cell that makes too many, rather than one beside it."""
        return self.flooded or self._taken > self._most // 10

    def take(self, event: Event) -> None:
        if self.until_ns is not None and event.at_ns > self.until_ns:
            if isinstance(event, Exited):
                self.gone_since.add(event.tid)
            if self._later is not None:
                self._later.append(event)
                self.changed.set()
            return
        if self.flooded:
            return
        self._taken += 1
        self.flooded = self._taken > self._most
        self.history.add(event)
        self.changed.set()


class Watcher(Protocol):
    """Follows many cells at once."""

    evidence: Evidence
    clock: Clock

    def follow(self, follower: Follower) -> contextlib.AbstractContextManager[None]:
        """Feed a cell's history from now on."""
        ...

    async def watch(self) -> None:
        """The loop; runs until it is cancelled."""
        ...


class TraceWatcher:
    """The kernel's trace: every event, in order, to the microsecond."""

    evidence = Evidence.TRACE

    def __init__(self, trace: Trace) -> None:
        self.clock = Clock()
        self._trace = trace
        self._followers: dict[int, Follower] = {}
        self._by_tid: dict[int, Follower] = {}

    @contextlib.contextmanager
    def follow(self, follower: Follower) -> Iterator[None]:
        self._followers[follower.init_pid] = follower
        self._by_tid[follower.init_pid] = follower
        try:
            yield
        finally:
            del self._followers[follower.init_pid]
            for tid in [t for t, f in self._by_tid.items() if f is follower]:
                del self._by_tid[tid]

    async def watch(self) -> None:
        while True:
            self.turn()
            await asyncio.sleep(_TRACE_TURN_S)

    def turn(self) -> None:
        """Read what there is and give each event to the cell that it belongs to."""
        until, events = self._trace.read()
        for event in events:
            self._give(event)
        if self._trace.lost:
            for follower in self._followers.values():
                follower.lost = True
                follower.changed.set()
            self._trace.lost = False
        self.clock.turn(until)

    def _give(self, event: Event) -> None:
        # A signal belongs to the cell of its receiver: a terminal's has no sender of ours.
        who = event.target if isinstance(event, Generated) else event.tid
        follower = self._by_tid.get(who) if who is not None else None
        if follower is None and isinstance(event, Execed):
            # Called by another thread than the leader, which has ended by then and given it its
            # number (execve(2)); Go programs do that.
            follower = self._by_tid.get(event.old_tid)
        if follower is None:
            return
        if isinstance(event, Forked):
            self._by_tid[event.child] = follower
        elif isinstance(event, Execed) and event.old_tid != event.tid:
            self._by_tid.pop(event.old_tid, None)
            self._by_tid[event.tid] = follower
        elif isinstance(event, Exited):
            self._by_tid.pop(event.tid, None)
        follower.take(event)


class ProcWatcher:
    """/proc, read again and again: what lives shorter than a turn is never seen."""

    evidence = Evidence.PROC

    def __init__(self) -> None:
        self.clock = Clock()
        self._watched: dict[int, _Watched] = {}

    @contextlib.contextmanager
    def follow(self, follower: Follower) -> Iterator[None]:
        watched = _Watched(follower)
        self._watched[follower.init_pid] = watched
        try:
            yield
        finally:
            del self._watched[follower.init_pid]
            watched.close()

    async def watch(self) -> None:
        while True:
            began = time.monotonic_ns()
            for watched in self._watched.values():
                watched.turn()
            self.clock.turn(began)
            await asyncio.sleep(_PROC_TURN_S)


class _Watched:
    """One cell as /proc shows it."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._pidfds: dict[int, int] = {}
        self._argv: dict[int, tuple[str, ...]] = {}
        self._marks: int | None = None
        self._partial = b""

    def turn(self) -> None:
        now = time.monotonic_ns()
        for parent, child in procfs.descendants(self._follower.init_pid):
            if child not in self._argv:
                self._found(now, parent, child)
            elif child in self._pidfds:
                self._look_for_exec(now, child)
        self._read_marks()

    def _found(self, now: int, parent: int, child: int) -> None:
        try:
            pidfd = os.pidfd_open(child)
        except OSError:
            return
        if not procfs.alive(child):
            os.close(pidfd)
            return
        self._pidfds[child] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._ended, child)
        self._argv[child] = self._argv.get(parent) or procfs.argv(parent)
        self._follower.take(Forked(now, parent, child, thread=False))
        self._look_for_exec(now, child)

    def _look_for_exec(self, now: int, child: int) -> None:
        argv = procfs.argv(child)
        if argv and argv != self._argv[child]:
            self._argv[child] = argv
            try:
                path = os.fsencode(os.readlink(f"/proc/{child}/exe")).decode("utf-8", "replace")
            except OSError:
                path = argv[0]
            self._follower.take(Execed(now, child, child, path))

    def _ended(self, child: int) -> None:
        self._forget(child)
        self._follower.take(Exited(time.monotonic_ns(), child))

    def _forget(self, child: int) -> None:
        pidfd = self._pidfds.pop(child)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)

    def _read_marks(self) -> None:
        if self._marks is None:
            path = f"/proc/{self._follower.init_pid}/root{MARKS}"
            # Before its pivot_root the sandbox's root is ours, where there is no such FIFO.
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(os.lstat(path).st_mode):
                    # Both directions: a FIFO without a writer would always be at its end.
                    self._marks = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        if self._marks is None:
            return
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._marks, 4096):
                *lines, self._partial = (self._partial + part).split(b"\n")
                for line in lines:
                    text = line.decode("utf-8", "replace")
                    self._follower.take(Marked(time.monotonic_ns(), None, text))

    def close(self) -> None:
        for child in list(self._pidfds):
            self._forget(child)
        if self._marks is not None:
            os.close(self._marks)
