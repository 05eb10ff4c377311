"""Before a runner is measured: a job that must succeed, one that must fail, one to be cancelled.

A runner that does not tell these apart is not measured at all, whatever it may be (the idea is
quic-interop-runner's). The third job is cancelled in the runner's own first way, or by TERM to the
runner where it has none of its own.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from enum import Enum
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.model import Said
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Adapter, Work

_WITHIN_S = 30.0
_IDLE_S = 20.0
_SHELL = "/bin/sh"
_LONG_S = 8
_LOOK_S = 0.05
_SAYS_SO_S = 0.5
"""What a runner that has ended said before is heard by then."""
_MARKER = "trial-armed"


class Heard(Enum):
    """What an adapter says of a job of the trial."""

    LOG = "log"
    REPORT = "report"


class Trial:
    """The three jobs, one after another."""

    def __init__(self, adapter: Adapter, ground: Ground, way: str | None) -> None:
        """``way``: which of its own ways cancels the third job; None: TERM to the runner."""
        self._adapter = adapter
        self._ground = ground
        self._way = way
        self._reports: queue.SimpleQueue[tuple[str, Said]] = queue.SimpleQueue()
        self._log = ""

    def heard(self, what: Heard, words: str, said: Said | None = None) -> None:
        """From any thread."""
        if what is Heard.LOG:
            self._log = (self._log + words)[-2000:]
        elif said is not None:
            self._reports.put((words, said))

    def failure(self) -> str | None:
        """What it did otherwise than it should, in words; None: it answers as expected."""
        for script, expected in (("exit 0", Said.SUCCESS), ("exit 3", Said.FAILED)):
            self._submit(script)
            words, said = self._reported(f"a job that does nothing but `{script}`")
            if said is not expected:
                return f"a job that does nothing but `{script}` was reported as {words!r}"
            self._until_idle()
        return self._cancelled()

    def _cancelled(self) -> str | None:
        armed = self._ground.home / _MARKER
        # It ends by itself in the end: what a runner cannot reach may hold it up for long.
        self._submit(f': > "{armed}"; exec /bin/sleep {_LONG_S}')
        until = time.monotonic() + _WITHIN_S
        while not armed.exists():
            if time.monotonic() > until or not self._reports.empty():
                raise RunnerError(f"a job that sleeps was not started; {self._said()}")
            time.sleep(0.02)
        if self._way is not None:
            self._adapter.ask(self._way)
        elif self._adapter.runner is not None:
            os.kill(self._adapter.runner, signal.SIGTERM)
        report = self._reported_or_gone("a job that was cancelled")
        if report is not None and report[1] is Said.SUCCESS:
            return f"a job that was cancelled was reported as {report[0]!r}"
        self._until_idle()
        return None

    def _reported_or_gone(self, what: str) -> tuple[str, Said] | None:
        """None: it has no ways of its own, and dies of TERM without a word: an answer as well."""
        runner = self._adapter.runner
        if self._way is not None or runner is None:
            return self._reported(what)
        until = time.monotonic() + _WITHIN_S
        while time.monotonic() < until:
            gone = not _lives(runner)
            try:
                return self._reports.get(timeout=_SAYS_SO_S if gone else _LOOK_S)
            except queue.Empty:
                if gone:
                    return None
        raise RunnerError(f"{what} was not reported within {_WITHIN_S:.0f} s; {self._said()}")

    def _submit(self, script: str) -> None:
        path = self._ground.folder / "trial.sh"
        path.write_text(f"#!{_SHELL}\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        self._adapter.submit(
            Work(  # noqa: S604  # a field of ours, no subprocess
                name=path.name,
                script=script,
                path=str(path),
                shell=(_SHELL,),
                command=(_SHELL, str(path)),
                whole=False,
                env=(),
                folder=str(self._ground.home),
                ways=(),
            )
        )

    def _reported(self, what: str) -> tuple[str, Said]:
        try:
            return self._reports.get(timeout=_WITHIN_S)
        except queue.Empty:
            raise RunnerError(
                f"{what} was not reported within {_WITHIN_S:.0f} s; {self._said()}"
            ) from None

    def _until_idle(self) -> None:
        if not self._adapter.idle(_IDLE_S):
            raise RunnerError(f"it takes no further job after one; {self._said()}")

    def _said(self) -> str:
        return f"the job's log: {self._log[-300:]!r}; the runner's: {self._ground.last_words()}"


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rsplit(b")", 1)[1].split()[0] not in b"ZX"
