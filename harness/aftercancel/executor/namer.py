"""Reads who a program is as soon as it is started: a small process that does nothing else.

The executor reads all events itself, one after another: in a flood (a job that sends itself signals
by the ten thousand) it comes to an execve(2) seconds late, when the process has ended and /proc has
forgotten it. So the trace has one more instance, with that event alone, which this process reads. It
is a process and no thread: beside an executor that decodes events, a thread waits for the
interpreter's lock after each system call (measured: up to 45 ms for one look at /proc).

It was forked before the executor imported what is large. An answer is a length and a pickled (pid,
time of the event, argv, ``ROLE``, time of the look).
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import pickle
import select
import signal
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from aftercancel.executor import linux, names
from aftercancel.executor.names import Named
from aftercancel.executor.ringbuffer import EventFormat, read_page
from aftercancel.executor.trace import EXEC, Instance, page_size

_LENGTH = struct.Struct("=I")
_PIPE_BYTES = 1 << 20
_WAITING_BYTES = 8 << 20
"""Of answers that the executor has not taken yet; what comes then is dropped."""
_KEPT_BYTES = 16 << 20
_EACH_BYTES = 600
"""What an answer takes beside the text in it, roughly."""
_SAME_NS = 50_000_000
"""Each instance stamps by itself: the same event's times differ by some hundred nanoseconds, more
where the processor was taken away between them."""
_TURN_MS = 50
_PAGES_AT_ONCE = 16
_PRIORITY = -15


class Namer:
    """The executor's end."""

    def __init__(self, pid: int, orders: int, answers: int) -> None:
        self.pid = pid
        self._orders = orders
        self._answers = answers
        self._partial = b""
        self._told: dict[int, list[tuple[int, Named]]] = {}
        """By process: the time of each execve(2), and who it was then."""
        self._order: deque[tuple[int, int]] = deque()
        """Process and size of each, the oldest first."""
        self._bytes = 0

    def begin(self) -> None:
        """The trace has been set up: read it from now on."""
        os.write(self._orders, b"!")

    def at_exec(self, pid: int, at_ns: int) -> Named:
        """See ``Names``; where nothing was told of it, /proc is asked now."""
        self._take_in()
        # The first look after it, whichever event made us look: `env ROLE=child sleep` is two of
        # one process within a millisecond, and answers of two processors come in any order.
        after = (
            named
            for told_ns, named in self._told.get(pid, ())
            if named.looked_ns >= at_ns and abs(told_ns - at_ns) <= _SAME_NS
        )
        return min(after, key=lambda named: named.looked_ns, default=None) or names.look(pid)

    def close(self) -> None:
        """Let go of it: it ends when the last one has. Idempotent."""
        ours, self._orders, self._answers = (self._orders, self._answers), -1, -1
        for fd in ours:
            if fd >= 0:
                os.close(fd)

    def _take_in(self) -> None:
        data = self._partial
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._answers, _PIPE_BYTES):
                data += part
        position = 0
        while len(data) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, position)
            begin = position + _LENGTH.size
            if len(data) - begin < length:
                break
            position = begin + length
            self._keep(data[begin:position])
        self._partial = data[position:]

    def _keep(self, answer: bytes) -> None:
        pid, at_ns, argv, role_variable, looked_ns = pickle.loads(answer)  # noqa: S301  # our own
        self._told.setdefault(pid, []).append((at_ns, Named(argv, role_variable, looked_ns)))
        size = len(answer) + _EACH_BYTES
        self._order.append((pid, size))
        self._bytes += size
        while self._bytes > _KEPT_BYTES:
            oldest, size = self._order.popleft()
            self._bytes -= size
            del self._told[oldest][0]
            if not self._told[oldest]:
                del self._told[oldest]


def start(tracing: Path, execs: Instance) -> Namer:
    """Fork it from the calling process, which is still small. It waits for ``begin``."""
    orders, ours = os.pipe()
    answers, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _serve(tracing, execs, orders, theirs)
        finally:
            os._exit(70)
    os.close(orders)
    os.close(theirs)
    os.set_blocking(answers, False)
    return Namer(pid, ours, answers)


def _serve(tracing: Path, execs: Instance, orders: int, answers: int) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nothing, fd)
    # What others wait on the end of: the executor's requests, its sandboxes, the warden's life.
    linux.close_all_but(frozenset((orders, answers)))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    with contextlib.suppress(OSError):
        fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(answers, False)
    if not os.read(orders, 1):
        os._exit(0)
    gc.collect()
    gc.freeze()
    gc.disable()
    with contextlib.suppress(BrokenPipeError):
        _look_at_each(tracing, execs, orders, answers)
    os._exit(0)


def _look_at_each(tracing: Path, execs: Instance, orders: int, answers: int) -> None:
    """Until the executor has let go of us."""
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    pipes = execs.open_pipes()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    waiting = bytearray()
    started = _Execs(tracing)
    while True:
        ready = dict(poll.poll(_TURN_MS))
        if orders in ready:
            return
        for pipe in pipes:
            for pid, at_ns in started.read(pipe):
                named = names.look(pid)
                answer = pickle.dumps(
                    (pid, at_ns, named.argv, named.role_variable, named.looked_ns)
                )
                if len(waiting) < _WAITING_BYTES:
                    waiting += _LENGTH.pack(len(answer)) + answer
                _send(answers, waiting)
        _send(answers, waiting)


def _send(answers: int, waiting: bytearray) -> None:
    """As much as the executor has room for."""
    with contextlib.suppress(BlockingIOError):
        while waiting:
            del waiting[: os.write(answers, waiting)]


class _Execs:
    """Takes the event out of the instance's pages."""

    def __init__(self, tracing: Path) -> None:
        file = EventFormat((tracing / "events" / EXEC / "format").read_text())
        self._number = file.number
        self._pid = file.reader("pid")
        self._page_size = page_size(tracing)

    def read(self, pipe: int) -> Iterator[tuple[int, int]]:
        """Process and time of each that one pipe has now."""
        for _ in range(_PAGES_AT_ONCE):
            try:
                raw = os.read(pipe, self._page_size)
            except BlockingIOError:
                return
            for record in read_page(raw).records:
                if int.from_bytes(record.data[:2], "little") == self._number:
                    yield self._pid(record.data)[0], record.at_ns
