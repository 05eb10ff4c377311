"""The loop in which one job's runner lives: starts it, reads its output, fires, reports.

One process, one thread, one poll(2): whatever a runner waits for, the job's output goes on being
read. What differs from runner to runner (how the job is started, when it counts as over, what is
said then) is for subclasses: ``plain`` and ``modelled``.

Messages, each one packet of a SOCK_SEQPACKET pair: the first byte is ``j`` (JSON follows), ``o``
or ``e`` (bytes of the job's stdout or stderr follow). Orders come as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from aftercancel.model import Said
from aftercancel.runners.channels import ERR, OUT, Channels, Stream
from aftercancel.runners.firing import Firing

if TYPE_CHECKING:
    from aftercancel.executor.hosts import Orders
    from aftercancel.runners.plain import Assignment

OUTPUT_LIMIT = 65_536
"""Bytes of each stream that are kept; the rest is only counted."""

_PART = 16_384
_PIPE_CAPACITY = 1 << 20  # the most that an unprivileged program may ask for (pipe(7))


class Runner:
    """One job's runner. Lives until PID 1 of the sandbox is killed."""

    def __init__(self, control: socket.socket, assignment: Assignment, orders: Orders) -> None:
        self._control = control
        self._assignment = assignment
        self._streams = {OUT: Stream(OUT), ERR: Stream(ERR)}
        self._channels = Channels(self._streams)
        steps = assignment.steps
        self._firing = Firing(steps, self._channels, self._tell, self._ask, orders.root, orders.far)
        self._job = 0
        self._ended: dict[str, Any] | None = None
        self._reported = False

    def run(self) -> NoReturn:
        try:
            self._start()
            watch = os.pidfd_open(self._job)
            while True:
                self._turn(watch)
        except Exception as error:  # noqa: BLE001  # whatever it is, the executor must hear of it
            self._tell(error=f"the runner failed: {error!r}")
            os._exit(1)

    # -- what differs from runner to runner

    def _open_channels(self) -> tuple[int, int, int]:
        """The job's ends of what connects it with us."""
        raise NotImplementedError

    def _become_job(self, ends: tuple[int, int, int]) -> NoReturn:
        """In the new process."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Something has happened, or it is time: do what is to be done now."""
        raise NotImplementedError

    def _wait_s(self) -> float | None:
        """Until there is something to do even if nothing happens; None: never."""
        return self._firing.wait_s()

    def _ask(self, way: str) -> None:
        """End the job in a way of this runner's own; raises ``OSError`` where it has none."""
        raise OSError(95, f"this runner has no {way}")  # EOPNOTSUPP

    def _aim(self, at: object) -> None:
        """At whom signals to the job go. ``at``: what the order to fire says, ``True`` or a pid and
        a process group; without more, the job is the first process and leads its group.
        """

    # -- the loop

    def _turn(self, watch: int) -> None:
        wanted: dict[int, int] = {self._control.fileno(): select.POLLIN}
        if self._ended is None:
            wanted[watch] = select.POLLIN
        for fd in self._channels.outputs:
            wanted[fd] = select.POLLIN
        takes = self._channels.writes_to
        if takes is not None:
            wanted[takes] = wanted.get(takes, 0) | select.POLLOUT
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        wait_s = self._wait_s()
        found = dict(poll.poll(None if wait_s is None else wait_s * 1000))
        if takes is not None and found.get(takes, 0) & ~select.POLLIN:
            self._channels.write()
        for fd in sorted(found.keys() & self._channels.outputs.keys()):
            if found[fd] & ~select.POLLOUT:
                self._read(fd)
        if watch in found and self._ended is None:
            self._take_end()
        self._go_on()
        if self._control.fileno() in found:
            self._obey()
        self._firing.fire_what_is_due()

    # -- the job

    def _start(self) -> None:
        ends = self._open_channels()
        modes = self._channels.modes()
        self._job = self._firing.job = os.fork()
        if self._job == 0:
            self._become_job(ends)
        for fd in set(ends):
            os.close(fd)
        self._channels.never_wait()
        self._tell(started=self._job, modes=modes)

    def _exec(
        self, ends: tuple[int, int, int], argv: tuple[str, ...], env: dict[str, str]
    ) -> NoReturn:
        """The end of ``_become_job``: the rest is the same for all."""
        try:
            for number, fd in enumerate(ends):
                os.dup2(fd, number)
            for name in self._assignment.ignored:
                signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_IGN)
            os.chdir(self._assignment.cwd)
            # os.pipe and os.open of Python are close-on-exec (PEP 446): nothing else is inherited.
            os.execvpe(argv[0], argv, env)
        except OSError as error:
            words = f"could not start {' '.join(argv)}: {error}"
            self._control.send(b"j" + json.dumps({"error": words}).encode())
        finally:
            os._exit(127)

    def _take_end(self) -> None:
        result = os.waitid(os.P_PID, self._job, os.WEXITED)
        assert result is not None  # without WNOHANG there always is one
        self._firing.ended(self._job)
        if result.si_code == os.CLD_EXITED:
            self._ended = {"status": result.si_status}
        else:
            self._ended = {"signal": signal.Signals(result.si_status).name.removeprefix("SIG")}
        # What was written before the end is in the pipe; a survivor may go on for ever.
        for fd in list(self._channels.outputs):
            for _ in range(_PIPE_CAPACITY // _PART + 1):
                if fd in self._channels.outputs:
                    self._read(fd)

    def _report(self, said: Said, end: dict[str, Any]) -> None:
        self._reported = True
        self._firing.stop()
        self._tell(report={"at_ns": time.monotonic_ns(), "said": said.value, **end})

    def _read(self, fd: int) -> None:
        try:
            part = os.read(fd, _PART)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last process has closed the terminal (pty(7))
            part = b""
        if not part:
            self._tell(modes=self._channels.modes())  # while they can be asked for
            self._channels.close(fd)
            return
        self._take_output(self._channels.outputs[fd], part)

    def _take_output(self, stream: Stream, part: bytes) -> None:
        if self._reported:
            stream.after_report += len(part)
        else:
            stream.before_report += len(part)
        keep = part[: max(0, OUTPUT_LIMIT - stream.sent)]
        if keep:
            stream.sent += len(keep)
            self._control.send(stream.letter + keep)

    # -- orders

    def _obey(self) -> None:
        packet = self._control.recv(65_536)
        if not packet:
            sys.exit(0)
        order = json.loads(packet)
        if "fire" in order:
            self._aim(order["fire"])
            self._firing.begin()
        elif "feed" in order:
            assert self._assignment.input is not None
            self._channels.feed(self._assignment.input, ends=self._assignment.input_ends)
        elif "count" in order:
            counts = {
                stream.letter.decode(): [stream.before_report, stream.after_report, stream.sent]
                for stream in self._streams.values()
            }
            self._tell(counts=counts, modes=self._channels.modes())

    def _tell(self, **message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._control.send(b"j" + json.dumps(message).encode())
