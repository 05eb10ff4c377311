"""Until a job can be cancelled: its mark is there, its roles run, and its tree is at rest.

The mark alone is too early. A shell that has said ``ready`` has often not yet forked the child
that it will wait for, and a signal in that window meets another program than the one described.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aftercancel.executor import procfs
from aftercancel.executor.history import History
from aftercancel.executor.reports import Reports
from aftercancel.executor.rest import Sample, at_rest, sample
from aftercancel.executor.waits import timeout_s
from aftercancel.executor.watcher import Follower
from aftercancel.model import Cell

ARM_S = 30.0
"""A job that is not armed by then is not measured."""
QUIET_S = 0.01
"""Without an event for that long, a tree may be at rest: worth two looks at /proc."""

_STALL_S = 2.5
"""Two looks at a job that is not ready yet are so far apart, while nothing happens."""
_REST_S = 0.005
_REST_UNANNOUNCED_S = 0.25
"""A user's own script does not say when it is ready; that it does nothing must do."""


class Flood(Exception):
    """There were more events than can be recorded, of this cell or of one beside it."""


class NotArmed(Exception):
    """The job never came to where it could be cancelled; the message says what was awaited."""


async def arm(cell: Cell, follower: Follower, reports: Reports) -> None:
    """Wait, and look at every process. Raises ``NotArmed``, or ``SandboxError``."""
    waiting = _Arming(cell, follower, reports)
    try:
        async with asyncio.timeout(ARM_S) as limit:
            await waiting.until_armed()
    except TimeoutError:
        if not limit.expired():
            raise
        raise NotArmed(f"after {ARM_S:.0f} s: {waiting.awaited()}") from None


class _Arming:
    def __init__(self, cell: Cell, follower: Follower, reports: Reports) -> None:
        self._cell = cell
        self._follower = follower
        self._reports = reports

    async def until_armed(self) -> None:
        job, history = self._cell.job, self._follower.history
        if job.announces:
            await self._until(lambda: _marked(history, "ready"))
        if not self._cell.cancellation.steps:
            # Groups and sessions of a job that comes to its own end can only be looked up now.
            for process in history.living():
                process.last = procfs.look(process.pid)
            return
        if job.after_s is not None:
            await self._until(lambda: self._reports.started)
            await asyncio.sleep(job.after_s)
        if job.ready_output is not None:
            text = job.ready_output.encode()
            await self._until(lambda: any(text in seen for seen in self._reports.output.values()))
        await self._until(lambda: set(job.roles) <= history.running_roles())
        if job.rests and job.after_s is None:
            await self._rest(_REST_S if job.announces else _REST_UNANNOUNCED_S)
        for process in history.processes:
            if process.lives:
                process.at_fire = process.last = procfs.look(process.pid)

    async def _rest(self, seconds: float) -> None:
        """Until every process is blocked and none has run for that long."""
        history = self._follower.history
        before: Sample | None = None
        while True:
            await self._refuse_a_job_that_ended()
            silent_s = (time.monotonic_ns() - history.last_event_ns) / 1e9
            if silent_s < QUIET_S:
                before = None
                await asyncio.sleep(QUIET_S - silent_s)
                continue
            now = sample(history.resting())
            events_read = self._follower.clock.up_to_ns > history.last_event_ns
            if now and before is not None and events_read and at_rest(before, now):
                return
            before = now
            await asyncio.sleep(seconds)

    async def _until(self, condition: Callable[[], bool]) -> None:
        before: Sample | None = None
        while not condition():
            await self._refuse_a_job_that_ended(condition)
            if condition():
                break
            self._follower.changed.clear()
            try:
                async with asyncio.timeout(_STALL_S):
                    await self._follower.changed.wait()
            except TimeoutError:
                before = self._refuse_a_job_that_waits_for_ever(before)
            else:
                before = None

    def _refuse_a_job_that_waits_for_ever(self, before: Sample | None) -> Sample:
        """As a launcher does that asks for a password. ``before``: what all did a while ago."""
        living = self._follower.history.living()
        now = sample(living)
        if before and at_rest(before, now) and all(timeout_s(p.pid) is None for p in living):
            raise NotArmed(f"nothing has happened for {2 * _STALL_S:.0f} s: {self.awaited()}")
        return now

    async def _refuse_a_job_that_ended(self, unless: Callable[[], bool] = lambda: False) -> None:
        if self._reports.over:
            # The report may be quicker than the evidence of what goes on without the launcher.
            await self._follower.clock.reach(self._reports.over_ns)
        if self._reports.sandbox_error is not None:
            raise self._reports.sandbox_error
        if self._follower.flooded or self._follower.lost:
            # What is awaited may have been among what was lost.
            raise Flood
        if self._reports.error is not None:
            raise NotArmed(self._reports.error)
        # A launcher may have left while the job goes on (setsid of a group leader forks).
        # Or it was quick, and its whole life is in the evidence by now.
        if self._reports.over and not self._follower.history.living() and not unless():
            raise NotArmed(f"the job ended before it was armed: {self.awaited()}")

    def awaited(self) -> str:
        """What is still missing, with the end of what the job said."""
        job, history = self._cell.job, self._follower.history
        running = history.running_roles()
        missing = []
        if job.announces and not _marked(history, "ready"):
            missing.append("the mark 'ready'")
        if job.ready_output is not None:
            missing.append(f"the output {job.ready_output!r}")
        missing += [f"the role {role!r}" for role in job.roles if role not in running]
        living = ", ".join(sorted(p.role for p in history.living())) or "nothing"
        words = f"awaited {' and '.join(missing) or 'a tree at rest'}; running: {living}"
        said = b"".join(self._reports.output[letter][-300:] for letter in "eo")
        text = said.decode("utf-8", "replace").strip()
        return f"{words}; its last words: {text}" if text else words


def _marked(history: History, name: str) -> bool:
    return any(mark.text == name for mark in history.marks)
