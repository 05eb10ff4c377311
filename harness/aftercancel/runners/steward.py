"""Drives a real runner inside its sandbox: root's process that the runner knows nothing of.

It starts the runner, hands it one job after another, cancels them as the cell says, and tells the
executor what the runner reports. It talks as the plain runner does (``plain``): packets of a
SOCK_SEQPACKET pair, ``j`` and JSON or ``o`` and bytes of the job's log; orders come as JSON.

Orders: a ``Task`` (a job, with what must be there for it), ``fire``, ``queue``, ``log``, ``count``, ``clear``
(all that the job left has been killed: make ready for the next).
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NoReturn, assert_never

from aftercancel.errors import RunnerError
from aftercancel.executor.writing import write_file, write_files
from aftercancel.model import Action, End, Said, Sender, Step, Target
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Adapter, Kind
from aftercancel.runners.standing import WORK, Standing, Task
from aftercancel.runners.trial import Heard, Trial

_RULES = "/etc/sudoers.d/job"
OUTPUT_LIMIT = 65_536
"""Bytes of the job's log that are kept; the rest is only counted."""
LOG_LIMIT = 16_384
_LOG_OF_A_CELL = 4_096
_PACKET = 1 << 20
_PART = 16_384


def serve(control: socket.socket, standing: Standing, kind: Kind, ground: Ground) -> NoReturn:
    """Start the runner and obey, until PID 1 of the sandbox is killed."""
    Steward(control, standing, kind, ground).run()


class Steward:
    """One runner's."""

    def __init__(
        self, control: socket.socket, standing: Standing, kind: Kind, ground: Ground
    ) -> None:
        self._control = control
        self._standing = standing
        self._ground = ground
        self._name = kind.name
        self._sending = threading.Lock()
        self._task: Task | None = None
        self._steps: list[Step] = []
        self._firing = False
        self._next_at = 0.0
        self._job = self._group = 0
        self._sent = self._before_report = self._after_report = 0
        self._reported = False
        self._log_began = 0
        self._trial: Trial | None = None
        self._adapter: Adapter = kind.make(ground, dict(standing.options), self)

    # -- what the adapter tells

    def output(self, data: bytes) -> None:
        """See ``protocol.Tell``."""
        if self._trial is not None:
            self._trial.heard(Heard.LOG, data.decode("utf-8", "replace"))
            return
        with self._sending:
            if self._task is None:  # of a job that is over for us
                return
            if self._reported:
                self._after_report += len(data)
            else:
                self._before_report += len(data)
            keep = data[: max(0, OUTPUT_LIMIT - self._sent)]
            self._sent += len(keep)
            for start in range(0, len(keep), _PART):
                self._send(b"o" + keep[start : start + _PART])

    def report(self, said: Said, words: str, end: End | None = None) -> None:
        """See ``protocol.Tell``."""
        at_ns = time.monotonic_ns()
        if self._trial is not None:
            self._trial.heard(Heard.REPORT, f"{said}: {words}", said)
            return
        with self._sending:
            if self._task is None or self._reported:
                return
            self._reported = True
            ended = asdict(end) if end is not None else {}
            self._tell(report={"at_ns": at_ns, "said": said, "words": words, **ended})

    # -- the loop

    def run(self) -> NoReturn:
        # A peer that has gone is an error of that write, not our end; what is started gets the
        # default back (subprocess.Popen, restore_signals).
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        try:
            self._start()
            while True:
                self._turn()
        except RunnerError as error:
            self._fail(str(error))
        except BaseException as error:  # noqa: BLE001  # whatever it is, the executor must hear of it
            self._fail(f"the adapter of {self._name} failed: {error!r}")

    def _fail(self, words: str) -> NoReturn:
        self._tell(error=words, log=self._ground.last_words(LOG_LIMIT))
        with contextlib.suppress(Exception):
            self._adapter.stop()
        os._exit(1)

    def _start(self) -> None:
        folder = self._ground.folder
        folder.mkdir(mode=0o755)
        os.chown(folder, self._ground.uid, self._ground.uid)
        self._adapter.start()
        self._tell(up=True)
        if not self._standing.tried:
            self._try()
        self._tell(ready=True, runner=self._adapter.runner)

    def _try(self) -> None:
        self._trial = Trial(self._adapter, self._ground, self._standing.way)
        try:
            words = self._trial.failure()
        finally:
            self._trial = None
        if words is not None:
            raise RunnerError(f"{self._name} does not answer as expected: {words}")
        self._clear_places()

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        wait_s = max(0.0, self._next_at - time.monotonic()) if self._due() else None
        if poll.poll(None if wait_s is None else wait_s * 1000):
            packet = self._control.recv(_PACKET)
            if not packet:
                self._adapter.stop()
                os._exit(0)
            if packet[:1] == WORK:
                self._begin(pickle.loads(packet[1:]))  # noqa: S301  # from our own executor
            else:
                self._obey(json.loads(packet))
        while self._due() and time.monotonic() >= self._next_at:
            self._fire(self._steps.pop(0))

    def _due(self) -> bool:
        return self._firing and bool(self._steps)

    def _obey(self, order: Mapping[str, Any]) -> None:
        if "fire" in order:
            self._job, self._group = order["fire"]
            self._firing = True
            self._next_at = time.monotonic()
        elif "queue" in order:
            self._tell(queue=[asdict(each) for each in self._adapter.queue()])
        elif "log" in order:
            self._tell(log=self._ground.last_words(_LOG_OF_A_CELL, since=self._log_began))
        elif "count" in order:
            with self._sending:
                counts = {"o": [self._before_report, self._after_report, self._sent]}
                self._tell(counts={**counts, "e": [0, 0, 0]})
        elif "clear" in order:
            self._clear(float(order["clear"]))

    # -- one cell

    def _begin(self, task: Task) -> None:
        ground = self._ground
        write_file(task.work.path, task.work.script, 0o755)
        write_files(task.files, ground.uid)
        if task.sudoers:
            write_file(_RULES, "\n".join(task.sudoers) + "\n", 0o440)
        self._log_began = ground.log.stat().st_size if ground.log.exists() else 0
        self._steps, self._firing = list(task.steps), False
        # Not earlier: what is told until the adapter drops the job before, which is the first thing
        # that it does, would be taken for this one's.
        with self._sending:
            self._task = task
            self._sent = self._before_report = self._after_report = 0
            self._reported = False
        try:
            self._adapter.submit(task.work)
            if task.queued:
                self._adapter.further(task.queued)
        except RunnerError as error:
            self._tell(error=str(error), log=ground.last_words(LOG_LIMIT))
        else:
            self._tell(started=True, runner=self._adapter.runner)

    def _clear(self, within_s: float) -> None:
        task, self._task = self._task, None
        self._steps, self._firing = [], False
        idle = False
        with contextlib.suppress(RunnerError):
            idle = self._adapter.idle(within_s)
        if task is not None:
            rules = [_RULES] if task.sudoers else []
            for path in (task.work.path, *(f.path for f in task.files), *rules):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        self._clear_places()
        self._tell(idle=idle, runner=self._adapter.runner)

    def _clear_places(self) -> None:
        standing = self._standing
        for place in (*standing.places, *standing.kept):
            for entry in os.scandir(place) if os.path.isdir(place) else ():
                if entry.path in standing.kept:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)

    # -- firing

    def _fire(self, step: Step) -> None:
        match step.action:
            case Action.WAIT:
                self._next_at = time.monotonic() + step.seconds
            case Action.ASK:
                assert step.way is not None
                way = step.way
                self._do(f"ask for {way}", lambda: self._adapter.ask(way), step.seconds)
            case Action.START:
                assert step.to is not None
                self._do(f"start the {step.to.value} again", self._start_again)
            case Action.SIGNAL:
                self._signal(step)
            case Action.TYPE | Action.SEND | Action.CLOSE | Action.RUN | Action.RESTART:
                self._do(f"{step.action.value}", _refuse)
            case _:
                assert_never(step.action)

    def _start_again(self) -> None:
        """And, where jobs wait behind the one that was hit, give it one more of the same kind."""
        self._adapter.start_again()
        if self._task is not None and self._task.queued:
            self._adapter.further(1)

    def _signal(self, step: Step) -> None:
        assert step.signal is not None and step.to is not None
        number = signal.Signals[f"SIG{step.signal}"]
        by = " by root" if step.by is Sender.ROOT else ""
        pids: dict[Target, int | None] = {
            Target.PROCESS: self._job,
            Target.GROUP: -self._group,
            Target.RUNNER: self._adapter.runner,
            Target.SERVER: self._adapter.server,
        }
        pid = pids.get(step.to)
        if not pid:
            self._do(f"{step.signal} to {step.to.value}{by}", _refuse)
        else:
            self._do(f"{step.signal} to {step.to.value}{by}", lambda: os.kill(pid, number))

    def _do(self, what: str, action: Callable[[], None], limit_s: float = 0.0) -> None:
        at_ns = time.monotonic_ns()
        error = None
        try:
            action()
        except OSError as failure:
            error = os.strerror(failure.errno or 0)
        except RunnerError as failure:
            error = str(failure)
        fired = {"at_ns": at_ns, "what": what, "error": error, "limit_s": limit_s}
        self._tell(fired=fired, runner=self._adapter.runner)

    # -- telling

    def _tell(self, **message: Any) -> None:
        self._send(b"j" + json.dumps(message).encode())

    def _send(self, packet: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._control.send(packet)


def _refuse() -> None:
    raise OSError(95, "there is nobody who could")  # EOPNOTSUPP
