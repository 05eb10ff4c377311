"""The plain runner: our own fork, a new session for the job, nothing clever.

It is a process of its own inside the sandbox, user ``ci``, the parent of the job, as real
runners are: a signal sent from outside a PID namespace arrives with sender 0, and one sent by
root never meets EPERM, and sudo looks at both.

It says ``success`` when the job's first process exits with status 0, whatever it did before;
otherwise ``cancelled`` when a cancellation was fired, else ``failed``. Deciding by the exit status
is what runners do that were written around ``Process.wait`` (Jenkins Pipeline before
workflow-durable-task-step 1479, 2026, among them).

Messages, each one packet of a SOCK_SEQPACKET pair: the first byte is ``j`` (JSON follows), ``o``
or ``e`` (bytes of the job's stdout or stderr follow). Orders come as JSON.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, assert_never

from aftercancel.model import Action, Channel, Ends, Step, Target

OUTPUT_LIMIT = 65_536
"""Bytes of each stream that are kept; the rest is only counted."""

_PART = 16_384
_PIPE_CAPACITY = 1 << 20  # the most that an unprivileged program may ask for (pipe(7))
_END_OF_TRANSMISSION = b"\x04"  # termios(3), VEOF
_OUT, _ERR = b"o", b"e"


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

    @property
    def holds_input(self) -> bool:
        """Whether the job's input must be something that can be closed."""
        return any(step.channel is Channel.INPUT for step in self.steps)


@dataclass(slots=True)
class _Stream:
    """One direction of the job's output, as far as it has come."""

    letter: bytes
    sent: int = 0
    before_report: int = 0
    after_report: int = 0


@dataclass(slots=True)
class _Channels:
    """The runner's ends of what connects it with the job."""

    outputs: dict[int, _Stream] = field(default_factory=dict)
    input: int | None = None
    master: int | None = None

    def close(self, fd: int) -> None:
        if self.outputs.pop(fd, None) is not None or fd in (self.input, self.master):
            os.close(fd)
        if fd == self.master:
            self.master = None
        if fd == self.input:
            self.input = None


def serve(control: socket.socket, assignment: Assignment) -> NoReturn:
    """Start the job, cancel it when told to, report its end; go on reading its output."""
    Runner(control, assignment).run()


class Runner:
    """One job's runner. Lives until PID 1 of the sandbox is killed."""

    def __init__(self, control: socket.socket, assignment: Assignment) -> None:
        self._control = control
        self._assignment = assignment
        self._channels = _Channels()
        self._streams = {_OUT: _Stream(_OUT), _ERR: _Stream(_ERR)}
        self._job = 0
        self._ended: dict[str, Any] | None = None
        self._reported = False
        self._fired = False
        self._steps: list[Step] = []
        self._next_step_at = 0.0
        self._leaves: list[int] = []

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
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if self._ended is None:
            poll.register(watch, select.POLLIN)
        for fd in self._channels.outputs:
            poll.register(fd, select.POLLIN)
        timeout = max(0.0, self._next_step_at - time.monotonic()) * 1000 if self._steps else None
        ready = {fd for fd, _ in poll.poll(timeout)}
        for fd in sorted(ready & self._channels.outputs.keys()):
            self._read(fd)
        if watch in ready and self._ended is None:
            self._take_end()
        self._report_when_over()
        if self._control.fileno() in ready:
            self._obey()
        while self._steps and time.monotonic() >= self._next_step_at:
            self._step()

    # -- the job

    def _start(self) -> None:
        if self._assignment.terminal:
            master, slave = os.openpty()
            path = os.ttyname(slave)
            ends = (slave, slave, slave)
            self._channels.master = master
            self._channels.outputs[master] = self._streams[_OUT]
        else:
            out_read, out_write = os.pipe()
            err_read, err_write = os.pipe()
            if self._assignment.holds_input:
                in_read, self._channels.input = os.pipe()
            else:
                in_read = os.open("/dev/null", os.O_RDONLY)
            path = None
            ends = (in_read, out_write, err_write)
            self._channels.outputs[out_read] = self._streams[_OUT]
            self._channels.outputs[err_read] = self._streams[_ERR]
        self._job = os.fork()
        if self._job == 0:
            self._become_job(ends, path)
        for fd in set(ends):
            os.close(fd)
        for fd in self._channels.outputs:
            os.set_blocking(fd, False)
        self._tell(started=self._job)

    def _become_job(self, ends: tuple[int, int, int], terminal: str | None) -> NoReturn:
        try:
            os.setsid()
            if terminal is not None:
                fcntl.ioctl(ends[0], termios.TIOCSCTTY, 0)
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
            self._steps.clear()
            if self._ended.get("status") == 0:
                said = "success"
            else:
                said = "cancelled" if self._fired else "failed"
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
            self._fired = bool(self._assignment.steps)
            self._steps = list(self._assignment.steps)
            self._next_step_at = time.monotonic()
        elif "count" in order:
            counts = {
                stream.letter.decode(): [stream.before_report, stream.after_report, stream.sent]
                for stream in self._streams.values()
            }
            self._tell(counts=counts)

    def _step(self) -> None:
        step = self._steps.pop(0)
        match step.action:
            case Action.WAIT:
                self._next_step_at = time.monotonic() + step.seconds
            case Action.SIGNAL:
                self._signal(step)
            case Action.TYPE:
                assert step.keys is not None
                self._do(f"type {step.keys!r}", lambda: self._type(step.keys or ""))
            case Action.CLOSE:
                assert step.channel is not None
                channel = step.channel
                self._do(f"close {channel.value}", lambda: self._close(channel))
            case _:
                assert_never(step.action)

    def _signal(self, step: Step) -> None:
        assert step.signal is not None and step.to is not None
        number = signal.Signals[f"SIG{step.signal}"]
        match step.to:
            case Target.PROCESS:
                self._do(f"{step.signal} to process", lambda: self._send(self._job, number))
            case Target.GROUP:
                self._do(f"{step.signal} to group", lambda: os.killpg(self._job, number))
            case Target.LEAF_FIRST:
                # One at a time, and never a process that came after the tree was read.
                if not self._leaves:
                    self._leaves = list(_children_first(self._job))
                pid = self._leaves.pop(0)
                self._do(f"{step.signal} leaf first", lambda: self._send(pid, number))
                if self._leaves:
                    self._steps.insert(0, step)
                    self._next_step_at = time.monotonic() + step.seconds
            case _:
                assert_never(step.to)

    def _send(self, pid: int, number: signal.Signals) -> None:
        if pid == self._job and self._ended is not None:
            raise ProcessLookupError(3, "the job's first process has ended")
        os.kill(pid, number)

    def _type(self, keys: str) -> None:
        if self._channels.master is None:
            raise OSError(9, "the job has no terminal")
        os.write(self._channels.master, keys.encode("latin-1"))

    def _close(self, channel: Channel) -> None:
        match channel:
            case Channel.TERMINAL:
                if self._channels.master is not None:
                    self._channels.close(self._channels.master)
            case Channel.INPUT:
                if self._channels.master is not None:
                    os.write(self._channels.master, _END_OF_TRANSMISSION)
                elif self._channels.input is not None:
                    self._channels.close(self._channels.input)
            case Channel.OUTPUT:
                for fd in list(self._channels.outputs):
                    self._channels.close(fd)
            case _:
                assert_never(channel)

    def _do(self, what: str, action: Any) -> None:
        at_ns = time.monotonic_ns()
        error = None
        try:
            action()
        except OSError as failure:
            error = os.strerror(failure.errno or 0)
        self._tell(fired={"at_ns": at_ns, "what": what, "error": error})

    def _tell(self, **message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._control.send(b"j" + json.dumps(message).encode())


def _children_first(pid: int) -> Iterator[int]:
    """The tree below and with ``pid``, by the parents that /proc names, children first."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            # Bytes: a codec would have to be imported, and the lab's Python is not in the sandbox.
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rsplit(b")", 1)[1].split()[1])
                below.setdefault(parent, []).append(int(name))

    def walk(top: int) -> Iterator[int]:
        for child in sorted(below.get(top, [])):
            yield from walk(child)
        yield top

    return walk(pid)
