"""Instances of real runners: each in a sandbox of its own, each with cells one after another.

Several of one runner stand side by side, so its cells run side by side too; but in one sandbox
there is one job at a time, so that every process in it that neither the runner nor the lab has
brought along is that job's, whatever it did to its group, session, parent or environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from aftercancel.executor import procfs, tasks
from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.history_standing import StandingHistory
from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.reports import Reports
from aftercancel.executor.sandbox import Sandbox, open_sandbox
from aftercancel.executor.watcher import EVENTS_WITH_A_RUNNER, Follower
from aftercancel.model import Runner

START_S = 120.0
"""A runner that has not come through its trial by then never will."""
_IDLE_S = 20.0
_ENDED_S = 5.0
_PACKET = 1 << 18


class NoRunner(Exception):
    """The runner did not start, or does not answer as it should."""

    def __init__(self, words: str, log: str = "") -> None:
        super().__init__(words)
        self.log = log


@dataclass
class Instance:
    """One standing runner."""

    runner: Runner
    sandbox: Sandbox
    follower: Follower
    history: StandingHistory
    """Of the cell that is measured; the follower's."""
    reports: Reports = field(default_factory=Reports)
    spent: bool = False
    """Whether the cell that it has now is to be its last."""
    worn: bool = False
    """Whether it cannot be used for another cell."""
    restarts: bool = False
    """Whether the cell that it has now lets the runner be started again."""
    runner_pid: int | None = None
    """In the executor's PID namespace."""

    def heard(self, packet: bytes) -> None:
        """From the steward."""
        self.reports.take(packet)
        self.follower.changed.set()

    async def until_up(self) -> None:
        """Until it has been started, but not tried; raises ``NoRunner``."""
        await self._until_told(lambda: self.reports.up, "not started")

    async def until_ready(self) -> None:
        """Until its trial is behind it; raises ``NoRunner``."""
        await self._until_told(lambda: self.reports.ready, "not ready")
        if self.follower.lost or self.follower.flooded:
            raise NoRunner(f"events were lost while {self.runner.id} was started")
        await self.follower.clock.reach(time.monotonic_ns())
        self._find_runner()

    async def _until_told(self, true: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(START_S):
                await self._until(lambda: true() or self._failed())
        except TimeoutError:
            words = f"{self.runner.id} was {otherwise} within {START_S:.0f} s"
            raise NoRunner(words, self.reports.log) from None
        self._refuse_failure()

    def _failed(self) -> bool:
        reports = self.reports
        return reports.closed or reports.error is not None or reports.sandbox_error is not None

    def _refuse_failure(self) -> None:
        reports = self.reports
        if reports.sandbox_error is not None:
            raise reports.sandbox_error
        if reports.error is not None:
            raise NoRunner(reports.error, reports.log)
        if reports.closed:
            raise NoRunner(f"the process that drives {self.runner.id} has ended", reports.log)

    def _find_runner(self) -> None:
        inner = self.reports.runner
        self.runner_pid = None
        for process in self.follower.history.machinery:
            look = procfs.look(process.pid) if inner is not None and process.lives else None
            if (
                look is not None
                and look.inner_pid == inner
                and process.pid != self.sandbox.init_pid
            ):
                self.runner_pid = process.pid

    def begin(self, is_job: Callable[[ProcessHistory], bool], reports: Reports) -> None:
        """What happens from now on is another cell's."""
        self.reports = reports
        self.history = self.history.next_cell(is_job, self.runner_pid)
        self.follower.turn_to(self.history)

    async def clear(self) -> None:
        """End what the cell has left and make ready for the next; ``worn`` where that fails."""
        follower = self.follower
        follower.catch_up()
        history = follower.history
        runner = history.runner
        lost = follower.lost or follower.flooded or self.spent
        died = self.runner_pid is not None and runner is not None and not runner.lives
        refused = self.restarts and any(step.error is not None for step in self.reports.fired)
        if lost or refused or self._failed() or runner is None or (died and not self.restarts):
            self.worn = True
            return
        if died:
            self._find_runner()
        try:
            await self._end_what_lives()
            self.reports.idle = None
            self.sandbox.control.send(b'{"clear": %.1f}' % _IDLE_S)
            async with asyncio.timeout(_IDLE_S + _ENDED_S):
                await self._until(lambda: self.reports.idle is not None or self._failed())
            await self._end_what_lives()
        except (TimeoutError, OSError):
            self.worn = True
        else:
            missing = died and self.runner_pid is None
            lost = follower.lost or follower.flooded
            self.worn = missing or lost or self._failed() or not self._took_up_again()

    def _took_up_again(self) -> bool:
        return self.reports.idle is True

    async def _end_what_lives(self) -> None:
        """By KILL, again and again while there is somebody: a job may fork faster than we look."""
        async with asyncio.timeout(_ENDED_S):
            while True:
                await self.follower.clock.reach(time.monotonic_ns())
                living = self._cells_own()
                if not living:
                    return
                for process in living:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)
                await asyncio.sleep(0.01)

    def _cells_own(self) -> list[ProcessHistory]:
        """Who lives of the cell, or was started by a runner that was started again in it."""
        history = self.follower.history
        living = [p for p in history.processes if p.lives and p is not history.runner]
        if self.restarts:
            others = [p for p in history.machinery if p.lives]
            anew = next((p for p in others if p.pid == self.runner_pid), None)
            living += [p for p in others if anew is not None and p is not anew and p.is_below(anew)]
        return living

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.follower.changed.clear()
            await self.follower.changed.wait()


@contextlib.asynccontextmanager
async def standing_instance(
    runner: Runner, slot: Slot, equipment: Equipment, *, tried: bool
) -> AsyncIterator[Instance]:
    """A started runner, whose trial goes on (``until_ready``) where none has come through it yet
    (``tried``); raises ``NoRunner`` or ``SandboxError``.
    """
    marker = None if equipment.marker is None else str(equipment.marker)
    arrangement = tasks.ground(runner, slot=slot.number, uid=slot.uid, marker=marker)
    assignment = tasks.standing(runner, uid=slot.uid, tried=tried)
    async with open_sandbox(equipment.zygote, arrangement, assignment) as sandbox:
        engine = arrangement.engine
        history = StandingHistory(
            sandbox.init_pid,
            equipment.names,
            lambda _: False,
            before_runner=None if engine is None else engine.started,
        )
        follower = Follower(
            sandbox.init_pid, history, equipment.watcher.clock, most=EVENTS_WITH_A_RUNNER
        )
        follower.remember_what_follows()
        instance = Instance(runner, sandbox, follower, history)
        with equipment.watcher.follow(follower), _listening(instance):
            await instance.until_up()
            yield instance


@contextlib.contextmanager
def _listening(instance: Instance) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    control = instance.sandbox.control

    def hear() -> None:
        try:
            packet = control.recv(_PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        instance.heard(packet)
        if instance.reports.closed:
            loop.remove_reader(control)

    loop.add_reader(control, hear)
    try:
        yield
    finally:
        loop.remove_reader(control)
