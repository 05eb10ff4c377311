"""The cells of real runners on their way to instances of them.

Each runner has a queue of its own cells, and as many instances as its row allows, started as they
are needed: a cell that ends its runner costs an instance, and the next cell gets a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.instances import Instance, NoRunner, standing_instance
from aftercancel.executor.measure_standing import StandingMeasurement, unstartable
from aftercancel.executor.precedence import Precedence
from aftercancel.executor.sandbox import SandboxError
from aftercancel.model import Action, Cell, EngineKind, Observation, Runner

INSTANCES = 64
"""How many may stand at once, of all runners together."""
_USUAL_S = 2.0
_GATHER_S = 0.2
_TRIES = 2
"""A runner that so often in a row could not be started is not tried again."""

Answer = Callable[[Cell, Slot, Callable[[], Awaitable[Observation]]], Awaitable[None]]
"""Has a cell measured, whatever comes of it, and hands out its observation."""


@dataclass
class Line:
    """One runner's cells that wait."""

    runner: Runner
    waiting: asyncio.PriorityQueue[tuple[int, int, Cell]] = field(
        default_factory=asyncio.PriorityQueue
    )
    """Cells with their turn, and their number, which no two have."""
    taken_in: int = 0
    ahead_s: float = 0.0
    """About how long the cells that wait will take, one after another."""
    workers: int = 0
    tried: bool = False
    """Whether an instance has come through its trial."""
    refused: int = 0
    """How often in a row an instance did not start."""
    error: NoRunner | None = None

    def add(self, cell: Cell) -> None:
        self.taken_in += 1
        self.ahead_s += _estimate_s(cell)
        self.waiting.put_nowait((_turn(cell), self.taken_in, cell))

    def next(self) -> Cell:
        cell = self.waiting.get_nowait()[-1]
        self.ahead_s -= _estimate_s(cell)
        return cell


def _turn(cell: Cell) -> int:
    """Who only waits, for what the runner makes of its queue, goes first, while the starts of others
    take the processors; who starts the runner anew goes last, when nothing makes that slow.
    """
    if any(step.action is Action.START for step in cell.cancellation.steps):
        return 2
    return 0 if cell.job.queued else 1


def _estimate_s(cell: Cell) -> float:
    """Enough to tell long lines from short ones."""
    return _USUAL_S + (cell.runner.patience_s or 0.0) * (2 if cell.job.queued else 0.1)


class StandingCells:
    """All of an executor's real runners."""

    def __init__(
        self, equipment: Equipment, slot: Callable[[Runner], Slot], answer: Answer
    ) -> None:
        """``slot`` makes a new one."""
        self._with = equipment
        self._slot = slot
        self._answer = answer
        self._free: dict[EngineKind | None, list[Slot]] = {}
        """By the engine that they are for."""
        self._room = asyncio.Semaphore(INSTANCES)
        # A start takes a processor for seconds (a JVM): many at once would only make each other late.
        self._starting = Precedence(1 + (os.cpu_count() or 1))
        self._lines: dict[str, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, cell: Cell) -> None:
        """Take one in."""
        line = self._lines.setdefault(cell.runner.id, Line(cell.runner))
        line.add(cell)
        self._staff(line)

    def _staff(self, line: Line) -> None:
        """As many instances as there is work for; one alone, until that has come through its trial."""
        wanted = min(line.runner.instances if line.tried else 1, line.waiting.qsize())
        for _ in range(line.workers, wanted):
            line.workers += 1
            task = asyncio.create_task(self._work(line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Tear everything down."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, line: Line) -> None:
        try:
            # Until the other cells are here as well, so that the longest line is known.
            await asyncio.sleep(_GATHER_S)
            while not line.waiting.empty():
                async with self._room:
                    free = self._free.setdefault(line.runner.engine, [])
                    slot = free.pop() if free else self._slot(line.runner)
                    try:
                        await self._with_an_instance(line, slot)
                    finally:
                        free.append(slot)
        finally:
            line.workers -= 1

    async def _with_an_instance(self, line: Line, slot: Slot) -> None:
        if line.refused >= _TRIES and line.error is not None:
            await self._refuse(line, slot, line.error)
            return
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with self._starting.turn(line.ahead_s / line.runner.instances):
                    instance = await stack.enter_async_context(
                        standing_instance(line.runner, slot, self._with, tried=line.tried)
                    )
                await instance.until_ready()
                line.tried, line.refused = True, 0
                self._staff(line)
                while not instance.worn and not line.waiting.empty():
                    await self._measure(line.next(), slot, instance)
        except Exception as error:  # noqa: BLE001  # whatever it is, the cells must be answered for
            known = isinstance(error, NoRunner | SandboxError)
            words = str(error) if known else f"{line.runner.id} could not be started: {error!r}"
            line.error = error if isinstance(error, NoRunner) else NoRunner(words)
            line.refused += 1
            await self._refuse(line, slot, line.error)

    async def _refuse(self, line: Line, slot: Slot, error: NoRunner) -> None:
        """Answer for the cell whose turn it is."""
        if line.waiting.empty():
            return
        cell = line.next()

        async def told() -> Observation:
            return unstartable(cell, slot, self._with, error)

        await self._answer(cell, slot, told)

    async def _measure(self, cell: Cell, slot: Slot, instance: Instance) -> None:
        async def measured() -> Observation:
            if not instance.worn:
                return await StandingMeasurement(cell, slot, self._with, instance).run()
            # It is measured once more, and that instance has ended with the first time.
            anew = self._slot(cell.runner)
            async with standing_instance(cell.runner, anew, self._with, tried=True) as another:
                await another.until_ready()
                return await StandingMeasurement(cell, anew, self._with, another).run()

        await self._answer(cell, slot, measured)
