"""One cell of a real runner, in the sandbox where an instance of it stands."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import AsyncIterator
from functools import partial

from aftercancel.executor import tasks
from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.instances import Instance, NoRunner
from aftercancel.executor.measure import Measurement
from aftercancel.executor.sandbox import Sandbox, SandboxError
from aftercancel.executor.tasks import Commission, commission
from aftercancel.executor.watcher import Follower
from aftercancel.model import Action, Cell, Observation, Trouble, TroubleKind
from aftercancel.runners.standing import WORK

_QUEUE_S = 3.0


class StandingMeasurement(Measurement):
    """As any cell; but the sandbox is there already, and stays."""

    _blames = TroubleKind.RUNNER

    def __init__(self, cell: Cell, slot: Slot, equipment: Equipment, instance: Instance) -> None:
        super().__init__(cell, slot, equipment)
        self._instance = instance

    async def run(self) -> Observation:
        """See ``Measurement.run``; afterwards the instance is clear, or worn."""
        try:
            commissioned = commission(self._cell)
        except SandboxError as error:
            return self._unmeasured(TroubleKind.SANDBOX, str(error))
        self._before = commissioned.before
        if self._slot.group is not None:
            self._slot.group.limits_met()  # of the cell before this one
        async with contextlib.AsyncExitStack() as stack:
            async with self._with.arming_standing:
                sandbox, follower = await stack.enter_async_context(self._given(commissioned))
                trouble = await self._arm(sandbox, follower)
            if trouble is None:
                trouble = await self._fire_and_watch(sandbox, follower)
            await self._ask_for_queue(sandbox, follower)
            await self._ask_for_log(sandbox, follower)
            await self._count(sandbox, follower)
            observation = self._observation(sandbox, follower, trouble)
            # What it met or lost, the next cell there would be charged with.
            self._instance.spent = trouble is not None or bool(observation.limits)
            return observation

    @contextlib.asynccontextmanager
    async def _given(self, commissioned: Commission) -> AsyncIterator[tuple[Sandbox, Follower]]:
        instance = self._instance
        instance.begin(partial(tasks.is_job, commissioned), self._reports)
        steps = self._cell.cancellation.steps
        instance.restarts = any(step.action is Action.START for step in steps)
        try:
            instance.sandbox.control.send(WORK + pickle.dumps(commissioned.task))
            yield instance.sandbox, instance.follower
        finally:
            await instance.clear()

    def _out_of_touch(self) -> Trouble | None:
        if not self._reports.closed or self._reports.error is not None:
            return None
        words = f"the process that drives {self._cell.runner.id} ended in the middle of it"
        return Trouble(TroubleKind.EXECUTOR, words)

    async def _ask_for_queue(self, sandbox: Sandbox, follower: Follower) -> None:
        if not self._cell.job.queued or self._reports.closed:
            return
        with contextlib.suppress(OSError, TimeoutError):
            sandbox.control.send(b'{"queue": true}')
            async with asyncio.timeout(_QUEUE_S):
                while self._reports.queue is None and not self._reports.closed:
                    follower.changed.clear()
                    await follower.changed.wait()
        began = [each["started_ns"] for each in self._reports.queue or () if each["started_ns"]]
        self._instance.history.next_ns = min(began, default=None)

    async def _ask_for_log(self, sandbox: Sandbox, follower: Follower) -> None:
        if not self._keeps_log() or self._reports.closed:
            return
        with contextlib.suppress(OSError, TimeoutError):
            sandbox.control.send(b'{"log": true}')
            async with asyncio.timeout(_QUEUE_S):
                while not self._reports.log and not self._reports.closed:
                    follower.changed.clear()
                    await follower.changed.wait()

    def _keeps_log(self) -> bool:
        """See ``Measurement``: where the runner had not reported when the cell was decided."""
        end = self._reports.end
        reported = end is not None and end.at_ns <= self._decided_ns
        return not reported and self._instance.runner_pid is not None


def unstartable(cell: Cell, slot: Slot, equipment: Equipment, error: NoRunner) -> Observation:
    """The observation of a cell whose runner could not be had."""
    return _Unstartable(cell, slot, equipment).told(error)


class _Unstartable(Measurement):
    def told(self, error: NoRunner) -> Observation:
        self._reports.log = error.log
        return self._unmeasured(TroubleKind.RUNNER, str(error))
