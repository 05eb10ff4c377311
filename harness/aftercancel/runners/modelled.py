"""A model of a runner in the place of the plain one: what ``models.pattern.Job`` is in a sandbox.

The model's life is a generator that is resumed by the loop of ``running``, whenever what it waits
for is true or its time is over; so the job's output goes on being read whatever the model waits
for. A life may have others beside it, as a runner has threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from aftercancel.model import Said
from aftercancel.runners.channels import OUT
from aftercancel.runners.models import MODELS
from aftercancel.runners.models.pattern import Given, Leads, Life, Start, Until
from aftercancel.runners.running import Runner

if TYPE_CHECKING:
    from aftercancel.executor.hosts import Orders
    from aftercancel.runners.plain import Assignment

_FILE_MODE = 0o755


def is_root(model: str) -> bool:
    """Whether this model's runner is root's; an empty name: there is no model."""
    return bool(model) and MODELS[model].root


@dataclass(slots=True)
class _Thread:
    """One life, and what it waits for."""

    life: Life
    wait: Until
    deadline: float | None


class ModelledRunner(Runner):
    """One job's runner; also the ``Job`` that its model acts through."""

    def __init__(self, control: socket.socket, assignment: Assignment, orders: Orders) -> None:
        super().__init__(control, assignment, orders)
        self._model = MODELS[assignment.model]
        self.options: Mapping[str, str] = dict(assignment.options)
        self.folder = assignment.folder
        self.way = ""
        self._given = Given(assignment.argv, assignment.cwd, assignment.folder, self.options)
        self._started: Start = self._model.start(self._given)
        self._ended_at: float | None = None
        self._threads: list[_Thread] = []
        self._until: float | None = None
        self._before = frozenset({1, os.getpid()})

    # -- starting

    def _start(self) -> None:
        for path, text in self._started.files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(text.encode())
            os.chmod(path, _FILE_MODE)
        super()._start()
        if self._started.input is not None:
            self._channels.feed(self._started.input, ends=True)
        self.meanwhile(self._model.life(self))

    def _open_channels(self) -> tuple[int, int, int]:
        if self._assignment.terminal:
            return self._channels.open_terminal()
        holds = self._assignment.holds_input or self._started.input is not None
        return self._channels.open_pipes(holds_input=holds, merged=self._started.merged)

    def _become_job(self, ends: tuple[int, int, int]) -> NoReturn:
        leads = Leads.SESSION if self._assignment.terminal else self._started.leads
        match leads:
            case Leads.SESSION:
                os.setsid()
                self._channels.become_controlling(ends[0])
            case Leads.GROUP:
                os.setpgid(0, 0)
            case Leads.NOTHING:
                pass
        user = self._assignment.user
        if user is not None:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        self._exec(ends, self._started.argv, {**self._assignment.env, **self._started.env})

    # -- the loop

    def _take_end(self) -> None:
        super()._take_end()
        self._ended_at = self.now()

    def _go_on(self) -> None:
        # A life that is resumed may make true what another waits for.
        going = True
        while going:
            going = False
            for thread in list(self._threads):
                met = thread.wait.condition()
                over = thread.deadline is not None and self.now() >= thread.deadline
                if met or over:
                    going = True
                    self._resume(thread, met=met)
        self._tell_how_long()

    def _tell_how_long(self) -> None:
        """Until when the model goes on by itself, whatever the job does: its graces and its polls."""
        deadlines = [t.deadline for t in self._threads if t.deadline is not None]
        until = max(deadlines, default=None)
        if until != self._until:
            self._until = until
            self._tell(goes_on_ns=None if until is None else int(until * 1e9))

    def _resume(self, thread: _Thread, *, met: bool) -> None:
        try:
            self._wait_for(thread, thread.life.send(met))
        except StopIteration:
            self._threads.remove(thread)

    def _wait_for(self, thread: _Thread, wait: Until) -> None:
        thread.wait = wait
        thread.deadline = None if wait.seconds is None else self.now() + wait.seconds

    def _wait_s(self) -> float | None:
        now = self.now()
        waits = [t.deadline - now for t in self._threads if t.deadline is not None]
        waits += [t.wait.every_s for t in self._threads if t.wait.every_s is not None]
        firing = super()._wait_s()
        if firing is not None:
            waits.append(firing)
        return max(0.0, min(waits)) if waits else None

    def _ask(self, way: str) -> None:
        if way not in self._model.ways:
            super()._ask(way)
        self.way = way
        self._go_on()

    def _aim(self, at: object) -> None:
        """Not at the runner's wrapper round the job, where that has one."""
        firing = self._firing
        match at:
            case [int(pid), int(group)] if pid > 0:
                firing.job, firing.group = pid, group
                return
        argv = self._assignment.argv
        if self._started.argv != argv:
            # An interpreter stands before a script that is started by its path (execve(2)).
            found = (pid for pid in self.living() if _words(pid)[-len(argv) :] == argv)
            firing.job = next(found, firing.job)
        if not (self.ended and firing.job == self.pid):
            with contextlib.suppress(ProcessLookupError):
                firing.group = os.getpgid(firing.job)

    # -- what a model can do (``models.pattern.Job``)

    @property
    def pid(self) -> int:
        return self._job

    @property
    def ended(self) -> bool:
        return self._ended is not None

    @property
    def ended_at(self) -> float | None:
        return self._ended_at

    @property
    def status(self) -> int | None:
        return None if self._ended is None else self._ended.get("status")

    @property
    def eof(self) -> bool:
        return not self._channels.outputs

    def now(self) -> float:
        return time.monotonic()

    def seconds(self, option: str, default: float) -> float:
        return float(self.options.get(option, default))

    def send(self, signal: str, pid: int) -> bool:
        if pid == self._job and self.ended:
            return False
        try:
            os.kill(pid, _NUMBERS[signal])
        except OSError:
            return False
        return True

    def parents(self) -> Mapping[int, int]:
        return {pid: parent for pid, parent, _ in self._everybody()}

    def living(self) -> Sequence[int]:
        return [pid for pid, _, state in self._everybody() if state not in b"ZX"]

    def there(self, pid: int) -> bool:
        return os.path.exists(f"/proc/{pid}/status")

    def carries(self, pid: int, variables: Mapping[str, str]) -> bool:
        entries = frozenset(_read(f"/proc/{pid}/environ").split(b"\0"))
        return all(f"{name}={value}".encode() in entries for name, value in variables.items())

    def catches(self, pid: int, signal: str) -> bool:
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"SigCgt:"):
                return bool(int(line.split()[1], 16) >> (_NUMBERS[signal] - 1) & 1)
        return False

    def let_go(self) -> None:
        ends = (*self._channels.outputs, self._channels.input, self._channels.master)
        for fd in {end for end in ends if end is not None}:
            self._channels.close(fd)

    def heard(self, data: bytes) -> None:
        if data:
            self._take_output(self._streams[OUT], data)

    def meanwhile(self, life: Life) -> None:
        with contextlib.suppress(StopIteration):
            thread = _Thread(life, next(life), None)
            self._wait_for(thread, thread.wait)
            self._threads.append(thread)

    def report(self, said: Said, status: int | None = None) -> None:
        if not self._reported:
            end = (self._ended or {}) if status is None else {"status": status}
            self._report(said, end)

    def _everybody(self) -> Iterator[tuple[int, int, bytes]]:
        """Id, parent and state of each, in the order of their ids."""
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            # Bytes: a codec would have to be imported, and the lab's Python is not in the sandbox.
            fields = _read(f"/proc/{pid}/stat").rsplit(b")", 1)[-1].split()
            if pid not in self._before and len(fields) > 1:
                yield pid, int(fields[1]), fields[0]


_NUMBERS = {name.removeprefix("SIG"): number for name, number in signal.Signals.__members__.items()}


def _words(pid: int) -> tuple[str, ...]:
    line = _read(f"/proc/{pid}/cmdline").removesuffix(b"\0")
    return tuple(word.decode("utf-8", "replace") for word in line.split(b"\0"))


def _read(path: str) -> bytes:
    """Empty where the process is gone, or may not be looked at."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
