"""The executor's loop: takes cells, keeps a number of them in flight, hands out observations."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import platform
import resource
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from aftercancel.executor import rootfs, serving
from aftercancel.executor.company import Company
from aftercancel.executor.engine_slots import EngineSlots
from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.measure import Measurement
from aftercancel.executor.namer import Namer
from aftercancel.executor.names import AskedNow
from aftercancel.executor.retry import Measured, until_whole
from aftercancel.executor.standing_cells import StandingCells
from aftercancel.executor.trace import Trace
from aftercancel.executor.warden import Holdings
from aftercancel.executor.watcher import ProcWatcher, TraceWatcher, Watcher
from aftercancel.executor.zygote import Zygotes
from aftercancel.model import Cell, Declared, Evidence, Observation, Runner, Trouble, TroubleKind

_PRIORITY = -15
_LINE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One line of input: a cell to measure, or the end."""

    cell: Cell | None = None
    end: bool = False
    """As the end of the input: for who cannot close a connection in one direction."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an executor is to work."""

    in_flight: int
    """How many cells may be between their beginning and their end at once."""
    settle_s: float
    evidence: Evidence | None = None
    """None: the best that the machine has."""
    buffer_kb: int | None = None
    """The trace's buffer for each processor; None: chosen by their number."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables of the image that the executor runs in."""


class Service:
    """One executor, from its first cell to its last."""

    def __init__(
        self,
        made: Holdings,
        zygotes: Zygotes,
        namer: Namer | None,
        lifeline: int,
        options: Options,
    ) -> None:
        self._made = made
        self._namer = namer
        self._trace_problem = made.trace_problem
        self._zygotes = zygotes
        self._lifeline = lifeline
        self._options = options
        self._in_flight = min(options.in_flight, rootfs.SLOTS)
        self._decode = msgspec.json.Decoder(Request)

    def run(self) -> int:
        """The exit status: 0, or 4 where the machine lacks what was asked for."""
        try:
            with contextlib.ExitStack() as stack:
                stack.callback(os.close, self._lifeline)
                if self._namer is not None:
                    # It holds a trace instance open.
                    stack.callback(self._namer.close)
                trace = stack.enter_context(self._trace())
                if trace is None and self._options.evidence is Evidence.TRACE:
                    self._say(failed=f"no kernel trace: {self._trace_problem}")
                    return 4
                watcher = ProcWatcher() if trace is None else TraceWatcher(trace)
                self._say(hello=self._facts(watcher))
                _open_as_many_files_as_allowed()
                # Events are made by the hundred thousand, and none is part of a cycle.
                gc.set_threshold(50_000, 20, 100)
                # What reads the evidence goes before what makes it.
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
                equipment = Equipment(
                    zygote=self._zygotes,
                    watcher=watcher,
                    marker=None if trace is None else trace.marker,
                    settle_s=self._options.settle_s,
                    # What is being armed costs processor time, what is being watched costs none:
                    # cells that start all at once would only make each other late.
                    arming=asyncio.Semaphore(2 * (os.cpu_count() or 1) + 2),
                    arming_standing=asyncio.Semaphore(8 * (os.cpu_count() or 1)),
                    arming_engines=asyncio.Semaphore(2 * (os.cpu_count() or 1)),
                    keys=cache(lambda: serving.make_keys(self._made.layers.keys)),
                    names=AskedNow() if trace is None or self._namer is None else self._namer,
                    environment=self._options.environment,
                )
                asyncio.run(self._serve(equipment))
                return 0
        finally:
            # The warden does it too, but it may have been killed; who comes second finds nothing.
            self._made.remove()

    @contextlib.contextmanager
    def _trace(self) -> Iterator[Trace | None]:
        made = self._made
        namer, size = self._namer, self._options.buffer_kb
        if made.tracing is None or made.followed is None or made.kernel is None:
            yield None
            return
        if made.execs is None or namer is None:
            yield None
            return
        trace = Trace(made.tracing, made.followed, made.kernel, made.execs, buffer_kb=size)
        with contextlib.closing(trace):
            try:
                trace.start(self._zygotes.pids)
                namer.begin()
            except OSError as error:
                self._trace_problem = str(error)
                yield None
            else:
                yield trace

    def _facts(self, watcher: Watcher) -> dict[str, Any]:
        return {
            "evidence": watcher.evidence.value,
            "trace_problem": self._trace_problem,
            "kernel": platform.release(),
            "in_flight": self._in_flight,
            "control_groups": self._made.groups.available,
        }

    def _say(self, **message: Any) -> None:
        self._write(msgspec.json.encode(message))

    def _write(self, line: bytes) -> None:
        data = line + b"\n"
        while data:
            data = data[os.write(1, data) :]

    async def _serve(self, equipment: Equipment) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        with os.fdopen(os.dup(0), "rb", buffering=0) as requests:
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), requests)
            stop = asyncio.Event()
            loop.add_reader(self._lifeline, stop.set)
            pending: asyncio.Queue[Cell] = asyncio.Queue()
            slots: asyncio.Queue[Slot] = asyncio.Queue()
            for number in range(self._in_flight):
                slots.put_nowait(self._slot(number))
            watching = asyncio.create_task(equipment.watcher.watch())
            reading = asyncio.create_task(self._read(reader, pending))
            running = asyncio.create_task(self._run(pending, slots, equipment))
            stopping = asyncio.create_task(stop.wait())
            tasks: set[asyncio.Task[Any]] = {watching, reading, running, stopping}
            # Each of them runs for ever, but for the end of the input and the warden's death.
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            loop.remove_reader(self._lifeline)
            # Torn-down cells still need their events: the watcher goes last.
            in_turn: tuple[asyncio.Task[Any], ...] = (reading, stopping, running, watching)
            for task in in_turn:
                task.cancel()
                await asyncio.wait({task})
            for task in ended - {reading, stopping}:
                task.result()

    def _slot(self, number: int, *, roomy: bool = False, engine: bool = False) -> Slot:
        uid = rootfs.build_slot(self._made.layers, number)
        return Slot(number, uid, self._made.groups.slot(number, roomy=roomy, engine=engine))

    async def _read(self, reader: asyncio.StreamReader, pending: asyncio.Queue[Cell]) -> None:
        """At once, so that the end of the input is noticed while every slot is taken."""
        while line := await reader.readline():
            request = self._decode.decode(line)
            if request.end:
                return
            if request.cell is not None:
                pending.put_nowait(request.cell)

    async def _run(
        self,
        pending: asyncio.Queue[Cell],
        slots: asyncio.Queue[Slot],
        equipment: Equipment,
    ) -> None:
        """Until it is cancelled; then every cell in flight is torn down."""
        company = Company()

        async def measure_at(cell: Cell, slot: Slot) -> None:
            async def measured() -> Observation:
                return await Measurement(cell, slot, equipment).run()

            self._write(await _answer(cell, measured, equipment, company))

        async def measure(cell: Cell, slot: Slot) -> None:
            try:
                await measure_at(cell, slot)
            finally:
                slots.put_nowait(slot)

        async def answer(cell: Cell, _: Slot, measured: Measured) -> None:
            self._write(await _answer(cell, measured, equipment, company))

        numbers = itertools.count(self._in_flight)

        def slot_of(runner: Runner) -> Slot:
            return self._slot(next(numbers), roomy=True, engine=runner.engine is not None)

        standing = StandingCells(equipment, slot_of, answer)
        engines = EngineSlots(lambda: self._slot(next(numbers), roomy=True, engine=True))

        async def measure_with_engine(cell: Cell) -> None:
            async with engines.one() as slot:
                await measure_at(cell, slot)

        tasks = _Tasks()
        try:
            while True:
                cell = await pending.get()
                if cell.runner.real:
                    standing.add(cell)
                elif cell.engine is not None:
                    tasks.start(measure_with_engine(cell))
                else:
                    tasks.start(measure(cell, await slots.get()))
        finally:
            await standing.close()
            await tasks.cancel()


class _Tasks:
    """One for each cell in flight."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, measuring: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(measuring)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """End them all, and wait until each has torn its cell down."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _answer(cell: Cell, measured: Measured, equipment: Equipment, company: Company) -> bytes:
    """The cell's line. There always is one, whatever happened to the cell."""
    try:
        observation = await until_whole(measured, equipment, company)
        return msgspec.json.encode({"observation": observation})
    except Exception as error:  # noqa: BLE001  # one cell's fault is not the others'
        job = cell.job
        failed = Observation(
            cell=cell.id,
            evidence=equipment.watcher.evidence,
            attempt=cell.attempt,
            trouble=Trouble(TroubleKind.EXECUTOR, f"the executor failed: {error!a}"),
            declared=Declared(job.marks, job.cleanup, job.removes, job.pause_s, job.rests),
        )
        return msgspec.json.encode({"observation": failed})


def _open_as_many_files_as_allowed() -> None:
    """A pidfd for each process of a cell where there is no trace; the usual limit is 1024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
