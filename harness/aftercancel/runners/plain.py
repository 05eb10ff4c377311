"""The plain runner: our own fork, a new session for the job, nothing clever.

It is a process of its own inside the sandbox, user ``ci`` (root, where a launcher wants that), the
parent of the job, as real runners are: a signal sent from outside a PID namespace arrives with
sender 0, and one sent by root never meets EPERM, and sudo looks at both.

It says ``success`` when the job's first process exits with status 0, whatever it did before;
otherwise ``cancelled`` when a cancellation was fired, else ``failed``. Deciding by the exit status
is what runners do that were written around ``Process.wait`` (Jenkins Pipeline before
workflow-durable-task-step 1479, 2026, among them).

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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, assert_never

from aftercancel.model import Action, Channel, Ends, Step
from aftercancel.runners.channels import ERR, OUT, Channels, Stream
from aftercancel.runners.firing import Firing

if TYPE_CHECKING:
    from aftercancel.executor.hosts import Orders

OUTPUT_LIMIT = 65_536
"""Bytes of each stream that are kept; the rest is only counted."""

_PART = 16_384
_PIPE_CAPACITY = 1 << 20  # the most that an unprivileged program may ask for (pipe(7))


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the plain runner is to start and how to cancel it."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    ignored: tuple[str, ...]
    ends: Ends
    terminal: bool
    steps: tuple[Step, ...]
    input: bytes | None = None
    """What is written to the job's input when it is armed; None: nothing."""
    input_ends: bool = True

    @property
    def holds_input(self) -> bool:
        """Whether the job's input must be something that can be written to, or closed."""
        return self.input is not None or any(
            step.channel is Channel.INPUT or step.action is Action.SEND for step in self.steps
        )


def serve(control: socket.socket, assignment: Assignment, orders: Orders) -> NoReturn:
    """Start the job, cancel it when told to, report its end; go on reading its output."""
    Runner(control, assignment, orders).run()


class Runner:
    """One job's runner. Lives until PID 1 of the sandbox is killed."""

    def __init__(self, control: socket.socket, assignment: Assignment, orders: Orders) -> None:
        self._control = control
        self._assignment = assignment
        self._streams = {OUT: Stream(OUT), ERR: Stream(ERR)}
        self._channels = Channels(self._streams)
        steps = assignment.steps
        self._firing = Firing(steps, self._channels, self._tell, orders.root, orders.far)
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
        wait_s = self._firing.wait_s()
        found = dict(poll.poll(None if wait_s is None else wait_s * 1000))
        if takes is not None and found.get(takes, 0) & ~select.POLLIN:
            self._channels.write()
        for fd in sorted(found.keys() & self._channels.outputs.keys()):
            if found[fd] & ~select.POLLOUT:
                self._read(fd)
        if watch in found and self._ended is None:
            self._take_end()
        self._report_when_over()
        if self._control.fileno() in found:
            self._obey()
        self._firing.fire_what_is_due()

    # -- the job

    def _start(self) -> None:
        assignment, channels = self._assignment, self._channels
        if assignment.terminal:
            ends = channels.open_terminal()
        else:
            ends = channels.open_pipes(holds_input=assignment.holds_input)
        modes = channels.modes()
        self._job = self._firing.job = os.fork()
        if self._job == 0:
            self._become_job(ends)
        for fd in set(ends):
            os.close(fd)
        channels.never_wait()
        self._tell(started=self._job, modes=modes)

    def _become_job(self, ends: tuple[int, int, int]) -> NoReturn:
        try:
            os.setsid()
            self._channels.become_controlling(ends[0])
            for number, fd in enumerate(ends):
                os.dup2(fd, number)
            for name in self._assignment.ignored:
                signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_IGN)
            os.chdir(self._assignment.cwd)
            # os.pipe and os.open of Python are close-on-exec (PEP 446): nothing else is inherited.
            os.execvpe(self._assignment.argv[0], self._assignment.argv, self._assignment.env)
        except OSError as error:
            words = f"could not start {' '.join(self._assignment.argv)}: {error}"
            self._control.send(b"j" + json.dumps({"error": words}).encode())
        finally:
            os._exit(127)

    def _take_end(self) -> None:
        result = os.waitid(os.P_PID, self._job, os.WEXITED)
        assert result is not None  # without WNOHANG there always is one
        self._firing.job_ended = True
        if result.si_code == os.CLD_EXITED:
            self._ended = {"status": result.si_status}
        else:
            self._ended = {"signal": signal.Signals(result.si_status).name.removeprefix("SIG")}
        # What was written before the end is in the pipe; a survivor may go on for ever.
        for fd in list(self._channels.outputs):
            for _ in range(_PIPE_CAPACITY // _PART + 1):
                if fd in self._channels.outputs:
                    self._read(fd)

    def _report_when_over(self) -> None:
        if self._ended is None or self._reported:
            return
        match self._assignment.ends:
            case Ends.PROCESS:
                over = True
            case Ends.OUTPUT:
                over = not self._channels.outputs
            case _:
                assert_never(self._assignment.ends)
        if over:
            self._reported = True
            fired = self._firing.begun and bool(self._assignment.steps)
            self._firing.stop()
            if self._ended.get("status") == 0:
                said = "success"
            else:
                said = "cancelled" if fired else "failed"
            self._tell(report={"at_ns": time.monotonic_ns(), "said": said, **self._ended})

    def _read(self, fd: int) -> None:
        stream = self._channels.outputs[fd]
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
