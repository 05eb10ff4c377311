"""From the cancellation until a cell is decided.

It is decided when all processes are gone and the runner has reported; or when nothing can happen
any more: every survivor is blocked, none has run for longer than the job declares that it may
pause, and none waits in a call that will time out soon; or when the settle time is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from aftercancel.executor.arming import QUIET_S, Flood
from aftercancel.executor.reports import Reports
from aftercancel.executor.rest import Sample, at_rest, sample
from aftercancel.executor.waits import timeout_s
from aftercancel.executor.watcher import Follower
from aftercancel.model import Action, Cell, Decided

HOLD_TO_THE_END_S = 1.0
"""How long a job's children hold on where nothing is cancelled, so that it comes to its end."""
PATIENCE_S = 60.0
"""A process that sleeps for no longer than that is waited for."""
_RUNNER_S = 0.1
ENGINE_S = 3.0
"""A container engine may do nothing that can be seen of a cell for that long, and then go on: its
daemons are no part of the cell."""
REST_MARGIN_S = 0.3
"""Added to the longest pause that a job declares, before silence counts as rest."""


async def watch(
    cell: Cell,
    follower: Follower,
    reports: Reports,
    *,
    armed_ns: int,
    settle_s: float,
) -> Decided:
    """Returns when the cell is decided, and why. ``settle_s`` grows with what the job declares."""
    # A job that is left to its own end also does nothing while its children hold on.
    hold_s = 0.0 if cell.cancellation.steps else HOLD_TO_THE_END_S
    rest_s = cell.job.pause_s + hold_s + REST_MARGIN_S
    # A runner's graces and polls, in which nothing happens that could be seen.
    patience_s = cell.cancellation.patience_s + (ENGINE_S if cell.engine is not None else 0.0)
    if not cell.runner.own:
        patience_s += cell.runner.patience_s + limit_s(cell)
    needed_s = 2 * rest_s + cell.cancellation.duration_s + patience_s
    until = time.monotonic() + max(settle_s, needed_s) + patience_s
    waits = Waits(rest_s, patience_s)
    return await _Watching(cell, follower, reports, armed_ns, waits, until).until_decided()


def limit_s(cell: Cell) -> float:
    """The longest time limit that the cancellation waits for, from the job's start."""
    asked = (step for step in cell.cancellation.steps if step.action is Action.ASK)
    return max((step.seconds for step in asked), default=0.0)


@dataclass(frozen=True, slots=True)
class Waits:
    """For how long nothing must happen before nothing more is expected."""

    rest_s: float
    """Of the job's processes."""
    patience_s: float
    """Of the runner, as long as it has not reported."""


class _Watching:
    def __init__(  # noqa: PLR0913, PLR0917  # one caller, three lines above
        self,
        cell: Cell,
        follower: Follower,
        reports: Reports,
        armed_ns: int,
        waits: Waits,
        until: float,
    ) -> None:
        self._steps = sum(s.action is not Action.WAIT for s in cell.cancellation.steps)
        self._queued = cell.job.queued > 0
        self._tells = bool(cell.runner.model)
        self._real = cell.runner.real
        self._follower = follower
        self._reports = reports
        self._armed_ns = armed_ns
        self._rest_s = waits.rest_s
        self._patience_s = waits.patience_s
        self._until = until
        self._extended = False
        self._before: Sample | None = None
        self._before_at = 0.0

    async def until_decided(self) -> Decided:
        history = self._follower.history
        while True:
            await self._follower.clock.reach(time.monotonic_ns())
            if self._follower.flooded or self._follower.lost:
                raise Flood
            now = time.monotonic()
            if self._real:
                heard_s = self._reports.fired_heard_ns / 1e9
                self._until = max(self._until, heard_s + self._patience_s + 2 * self._rest_s)
            if self._reports.over and not history.living() and not self._awaits_the_next(now):
                return Decided.ALL_GONE
            if now >= self._until:
                return Decided.SETTLE_TIME_OVER
            if now - self._last_ns() / 1e9 < QUIET_S or self._firing():
                self._before = None
                await self._sleep(QUIET_S)
            elif self._patient(now):
                self._before = None
                await self._sleep(min(_RUNNER_S, self._until - now))
            elif self._at_rest(now):
                return Decided.AT_REST
            else:
                await self._sleep(min(self._before_at + self._rest_s, self._until) - now)

    def _awaits_the_next(self, now: float) -> bool:
        """Whether jobs in the queue may still be about to start."""
        return self._queued and now < min(self._until, self._last_ns() / 1e9 + self._patience_s)

    def _patient(self, now: float) -> bool:
        """Whether the runner may still be about to do something, though nobody else is."""
        if self._tells:
            goes_on_ns = self._reports.goes_on_ns
            return not self._reports.over and goes_on_ns is not None and now < goes_on_ns / 1e9
        over = self._reports.over and not self._queued
        return not over and now < self._last_ns() / 1e9 + self._patience_s

    def _at_rest(self, now: float) -> bool:
        """Whether all have been blocked for long enough, and none will go on by itself soon."""
        living = self._follower.history.resting()
        if self._before is None:
            self._before, self._before_at = sample(living), now
        if now < self._before_at + self._rest_s:
            return False
        before, self._before, self._before_at = self._before, sample(living), now
        if not at_rest(before, self._before):
            return False
        wakes_s = self._wakes_s()
        if wakes_s is not None and not self._extended:
            # Once: what sleeps again and again never comes to rest.
            self._extended = True
            self._until = max(self._until, now + wakes_s + self._rest_s)
        return wakes_s is None

    def _wakes_s(self) -> float | None:
        """Until when the last of those who go on by themselves has; None: nobody does soon."""
        found = [timeout_s(process.pid) for process in self._follower.history.resting()]
        soon = [seconds for seconds in found if seconds is not None and seconds <= PATIENCE_S]
        return max(soon, default=None)

    def _firing(self) -> bool:
        """Whether steps of the cancellation are still to come."""
        # A real runner is started again whether the job is over or not.
        over = self._reports.closed if self._real else self._reports.over
        return len(self._reports.fired) < self._steps and not over

    def _last_ns(self) -> int:
        reports = self._reports
        moments = [self._follower.history.last_event_ns, self._armed_ns]
        moments += [step.at_ns for step in reports.fired]
        if self._real:
            # What was asked for may take a while (a server that starts); patience counts from then.
            moments.append(reports.fired_heard_ns)
        if self._queued and reports.end is not None:
            moments.append(reports.end.at_ns)
        return max(moments)

    async def _sleep(self, seconds: float) -> None:
        """Until something happened, or for that long."""
        self._follower.changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._follower.changed.wait()
