"""A runner that is started for each job, and whose end is the report.

What is reported: what the program itself said. A program that ended by its own exit has said
something, by its exit status and in its log; what that means, its ``Craft`` knows. A program that
was ended by a signal (KILL, or one that it does not catch) could say nothing, so nothing is
reported: whoever watches sees in the trace how it ended.

The report is told when the program has ended, and not when all that it started has closed the log:
everything that stood in the pipe by then comes first, what comes later is told as it comes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.ending import MARK, end_marked, end_tree
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Further, Tell, Work

_PART = 1 << 16
_DRAIN_LIMIT = 1 << 20
"""Bytes that are read at the program's end before the report: somebody may go on writing."""
_TAIL = 1 << 16
"""Bytes at the log's end in which a ``Craft`` looks for the program's last words."""
_JOIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Start:
    """How the program is started for one job."""

    argv: Sequence[str | Path]
    env: Mapping[str, str]
    folder: Path


class Verdict(NamedTuple):
    """A report."""

    said: Said
    words: str
    end: End | None = None
    """The job's, as far as the program says it."""


class Craft(Protocol):
    """What differs from program to program."""

    name: str

    def arrange(self) -> None:
        """What is made once; raises ``RunnerError``."""
        ...

    def begin(self, work: Work) -> Start:
        """What is made for each job; raises ``RunnerError`` where it cannot be given to it."""
        ...

    def verdict(self, status: int, log: str) -> Verdict:
        """What the program said, by its exit status (0 to 255) and the end of its log."""
        ...


@dataclass(slots=True)
class _Run:
    """One job's program."""

    process: subprocess.Popen[bytes]
    output: int
    """Our end of the pipe that its log comes through."""
    stop: int
    """Readable when nobody wants to hear any more of it (an eventfd(2))."""
    over: threading.Event = field(default_factory=threading.Event)
    """The program has ended, and its report, if any, is told."""
    tail: bytearray = field(default_factory=bytearray)
    thread: threading.Thread | None = None


class OneShot:
    """An adapter made of a program's craft."""

    server: int | None = None

    def __init__(self, ground: Ground, tell: Tell, craft: Craft) -> None:
        self._ground = ground
        self._tell = tell
        self._craft = craft
        self._mark = secrets.token_hex(8)
        self._run: _Run | None = None
        self._started = False
        self.runner: int | None = None

    def start(self) -> None:
        """Nothing runs yet."""
        self._craft.arrange()
        self._ground.give(self._ground.folder)
        self._started = True

    def submit(self, work: Work) -> None:
        if not self._started:
            raise RunnerError(f"{self._craft.name} was not made ready for jobs.")
        self._forget()
        mark = (MARK, self._mark)
        start = self._craft.begin(replace(work, env=(*work.env, mark)))
        # What was made for this job is its user's too.
        self._ground.give(self._ground.folder)
        reads, writes = os.pipe()
        try:
            process = self._ground.spawn(
                start.argv, env=dict(start.env) | dict([mark]), folder=start.folder, output=writes
            )
        except OSError as error:
            os.close(reads)
            raise RunnerError(f"{self._craft.name} cannot be started: {error}.") from None
        finally:
            os.close(writes)
        os.set_blocking(reads, False)
        run = _Run(process, reads, os.eventfd(0))
        run.thread = threading.Thread(
            target=self._watch, args=(run,), name=f"{self._craft.name}-log", daemon=True
        )
        self.runner, self._run = process.pid, run
        run.thread.start()

    def ask(self, way: str) -> None:
        raise RunnerError(
            f"{self._craft.name} has no way of its own to end a job: send it a signal."
        )

    def further(self, number: int) -> None:
        raise RunnerError(f"{self._craft.name} has no queue: it runs one job and ends.")

    def queue(self) -> Sequence[Further]:
        return ()

    def start_again(self) -> None:
        raise RunnerError(f"{self._craft.name} is started for each job, and never again for one.")

    def idle(self, within_s: float) -> bool:
        """Ends what is left of the last job and its program, since each job has one of its own;
        nothing more is told of it.
        """
        if not self._end(within_s):
            return False
        self._forget()
        return True

    def stop(self) -> None:
        self._end(_JOIN_S)
        self._forget()

    # -- its process

    def _end(self, within_s: float) -> bool:
        run = self._run
        if run is None or run.over.is_set():
            return True
        end_tree(run.process.pid, within_s)
        return run.over.wait(within_s)

    def _forget(self) -> None:
        """Hear nothing more of the last job, and end what of it outlived its program."""
        run, self._run, self.runner = self._run, None, None
        if run is None:
            return
        if not run.over.is_set():
            end_tree(run.process.pid, _JOIN_S)
        end_marked(self._mark, _JOIN_S)
        os.eventfd_write(run.stop, 1)
        assert run.thread is not None
        run.thread.join(_JOIN_S)
        os.close(run.stop)

    def _watch(self, run: _Run) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, run.output)
            ended = os.pidfd_open(run.process.pid)
            stack.callback(os.close, ended)
            poll = select.poll()
            for fd in (run.output, run.stop, ended):
                poll.register(fd, select.POLLIN)
            listening = True
            while listening or not run.over.is_set():
                ready = {fd for fd, _ in poll.poll()}
                if run.stop in ready:
                    return
                if run.output in ready and self._read(run) == b"":
                    poll.unregister(run.output)
                    listening = False
                if ended in ready:
                    poll.unregister(ended)
                    self._over(run)

    def _read(self, run: _Run) -> bytes | None:
        """Some of what is in the pipe now, told; None: there is nothing; empty: nor will there be."""
        try:
            data = os.read(run.output, _PART)
        except BlockingIOError:
            return None
        if data:
            run.tail += data
            del run.tail[:-_TAIL]
            self._tell.output(data)
        return data

    def _over(self, run: _Run) -> None:
        left = _DRAIN_LIMIT
        while left > 0 and self._read(run):
            left -= _PART
        status = run.process.wait()
        if status >= 0:
            self._tell.report(*self._craft.verdict(status, run.tail.decode("utf-8", "replace")))
        run.over.set()
