"""One cell from arranging to tearing down (design: "How a cell is run")."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from aftercancel.executor import leftovers, preparation, procfs, record, serving
from aftercancel.executor.arming import Flood, NotArmed, arm
from aftercancel.executor.arrange import Arrangement
from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.history import History
from aftercancel.executor.lives import Layout
from aftercancel.executor.preparation import Preparation, prepare
from aftercancel.executor.reports import Reports
from aftercancel.executor.rootfs import USER
from aftercancel.executor.sandbox import Sandbox, SandboxError, open_sandbox
from aftercancel.executor.watcher import EVENTS_OF_A_CELL, Follower
from aftercancel.executor.watching import watch
from aftercancel.model import (
    Cell,
    Decided,
    Declared,
    End,
    Evidence,
    Fired,
    Observation,
    Queued,
    Report,
    Said,
    Stream,
    TerminalModes,
    Trouble,
    TroubleKind,
)

_COUNT_S = 1.0
_PACKET = 1 << 17
_LAST_WORDS = 600
_EXITING_S = 5.0
_EXITING_STEP_S = 0.005


class Measurement:
    """One cell on its way through the steps."""

    _blames = TroubleKind.EXECUTOR
    """Whose fault it is when the runner says that it failed."""

    def __init__(self, cell: Cell, slot: Slot, equipment: Equipment) -> None:
        self._cell = cell
        self._slot = slot
        self._with = equipment
        self._reports = Reports()
        self._before: frozenset[str] = frozenset()
        self._present: tuple[str, ...] = ()
        self._armed_ns: int | None = None
        self._decided_ns = 0
        self._decided: Decided | None = None

    async def run(self) -> Observation:
        """The observation, with a trouble in it where the cell could not be measured."""
        if self._cell.engine is not None and self._with.watcher.evidence is Evidence.PROC:
            words = "without the kernel trace an engine's processes are not told from a container's"
            return self._unmeasured(TroubleKind.SANDBOX, words)
        if self._slot.group is not None:
            self._slot.group.clear()
            self._slot.group.limits_met()  # of the cell before this one
        try:
            made = self._prepare()
            self._before = made.before
            async with contextlib.AsyncExitStack() as stack:
                engine = self._cell.engine is not None
                async with self._with.arming_engines if engine else self._with.arming:
                    sandbox, follower = await stack.enter_async_context(self._sandbox(made))
                    trouble = await self._arm(sandbox, follower)
                if trouble is None:
                    trouble = await self._fire_and_watch(sandbox, follower)
                await self._count(sandbox, follower)
                observation = self._observation(sandbox, follower, trouble)
        except SandboxError as error:
            return self._unmeasured(TroubleKind.SANDBOX, str(error))
        return self._left_behind() or observation

    def _left_behind(self) -> Observation | None:
        left = self._slot.group.processes() if self._slot.group else ()
        if not left:
            return None
        return self._unmeasured(
            TroubleKind.LEFT_BEHIND,
            f"processes {left} of the cell outlived the PID 1 of its sandbox",
        )

    def _prepare(self) -> Preparation:
        marker = self._with.marker
        try:
            return prepare(
                self._cell,
                slot=self._slot.number,
                uid=self._slot.uid,
                marker=None if marker is None else str(marker),
                keys=self._with.keys,
                environment=self._with.environment,
            )
        except serving.NoKeys as error:
            raise SandboxError(f"could not make the keys for the other host: {error}") from None

    @contextlib.asynccontextmanager
    async def _sandbox(self, made: Preparation) -> AsyncIterator[tuple[Sandbox, Follower]]:
        is_job = partial(preparation.is_job, self._cell, made.command)
        async with open_sandbox(self._with.zygote, made.arrangement, made.assignment) as sandbox:
            engine = made.arrangement.engine
            history = History(
                sandbox.init_pid,
                self._with.names,
                is_job,
                _layout(made.arrangement),
                by_mark=bool(self._cell.runner.model),
                before_runner=0 if engine is None else engine.started,
            )
            follower = Follower(sandbox.init_pid, history, self._with.watcher.clock)
            with self._with.watcher.follow(follower), self._listening(sandbox, follower):
                yield sandbox, follower

    @contextlib.contextmanager
    def _listening(self, sandbox: Sandbox, follower: Follower) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def hear() -> None:
            try:
                packet = sandbox.control.recv(_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            self._reports.take(packet)
            if self._reports.closed:
                loop.remove_reader(sandbox.control)
            follower.changed.set()

        loop.add_reader(sandbox.control, hear)
        try:
            yield
        finally:
            loop.remove_reader(sandbox.control)

    async def _arm(self, sandbox: Sandbox, follower: Follower) -> Trouble | None:
        try:
            await arm(self._cell, follower, self._reports)
        except NotArmed as error:
            self._decide(follower, None)
            return Trouble(TroubleKind.NOT_ARMED, f"{error}{self._said_by_server(sandbox)}")
        except Flood:
            return self._flood(follower)
        self._armed_ns = time.monotonic_ns()
        return None

    def _said_by_server(self, sandbox: Sandbox) -> str:
        said = leftovers.end_of(sandbox.root(), serving.LOG, _LAST_WORDS)
        return f"; the other host's server said: {said}" if said else ""

    async def _fire_and_watch(self, sandbox: Sandbox, follower: Follower) -> Trouble | None:
        assert self._armed_ns is not None
        if self._cell.job.removes:
            self._present = leftovers.files(sandbox.root(), self._cell.job.workdir, self._before)
        if self._cell.job.input is not None:
            sandbox.control.send(b'{"feed": true}')
        # What has been reported as over cannot be cancelled any more.
        if self._cell.cancellation.steps and not self._reports.over:
            sandbox.control.send(self._order_to_fire(follower))
        try:
            decided = await watch(
                self._cell,
                follower,
                self._reports,
                armed_ns=self._armed_ns,
                settle_s=self._with.settle_s,
            )
        except Flood:
            return self._flood(follower)
        self._decide(follower, decided)
        if follower.lost:
            return _lost_events()
        if self._reports.error is not None:
            return Trouble(self._blames, self._reports.error)
        return self._out_of_touch() or await self._disagreement(sandbox, follower)

    def _out_of_touch(self) -> Trouble | None:
        """Whether nobody could tell any more what happened; for a subclass."""
        return None

    def _order_to_fire(self, follower: Follower) -> bytes:
        """With the job's process id and group in the sandbox: a runner's shell may be above it."""
        if self._cell.runner.own:
            return b'{"fire": true}'
        job = follower.history.job
        look = job.at_fire if job is not None else None
        pids = [0, 0] if look is None else [look.inner_pid, look.inner_group]
        return json.dumps({"fire": pids}).encode()

    def _flood(self, follower: Follower) -> Trouble:
        self._decide(follower, None)
        if not follower.floods:
            return _lost_events()
        return Trouble(
            TroubleKind.FLOOD,
            f"it made more signals, marks and processes than the lab records of one cell "
            f"({EVENTS_OF_A_CELL}, or a tenth of it where the kernel could not keep up), and was "
            "ended",
        )

    def _decide(self, follower: Follower, why: Decided | None) -> None:
        """Nothing that happens from now on is recorded."""
        self._decided = why
        self._decided_ns = follower.until_ns = time.monotonic_ns()

    async def _disagreement(self, sandbox: Sandbox, follower: Follower) -> Trouble | None:
        """The evidence's survivors must be those that /proc shows: else one of the two is wrong."""
        if self._decided is Decided.SETTLE_TIME_OVER:
            return None
        until = time.monotonic() + _EXITING_S
        while True:
            seen = _survivors(sandbox, follower)
            # Whoever ended after the decision was a survivor by it, whatever /proc says now.
            await follower.clock.reach(time.monotonic_ns())
            processes = follower.history.processes
            known = {p.pid for p in processes if p.lives and p.key != 0}
            since = follower.gone_since
            if known - since == seen - since:
                return None
            # The kernel's word for an exit comes before the process is a zombie (kernel/exit.c).
            if not known < seen or time.monotonic() > until:
                break
            await asyncio.sleep(_EXITING_STEP_S)
        return Trouble(
            TroubleKind.EXECUTOR,
            f"the evidence disagrees: {self._with.watcher.evidence.value} has {len(known)} "
            f"survivors, /proc has {len(seen)}",
        )

    async def _count(self, sandbox: Sandbox, follower: Follower) -> None:
        """Ask the runner what arrived; one that was killed cannot answer."""
        if self._reports.closed or not self._reports.started:
            return
        with contextlib.suppress(OSError, TimeoutError):
            sandbox.control.send(b'{"count": true}')
            async with asyncio.timeout(_COUNT_S):
                while self._reports.counts is None and not self._reports.closed:
                    follower.changed.clear()
                    await follower.changed.wait()

    # -- recording

    def _observation(
        self, sandbox: Sandbox, follower: Follower, trouble: Trouble | None
    ) -> Observation:
        history, evidence = follower.history, self._with.watcher.evidence
        note = self._with.late.add if history.came_late else self._with.late.discard
        note((self._cell.id, self._cell.attempt))
        for survivor in history.living():
            survivor.last = procfs.look(survivor.pid) or survivor.last
        zero_ns = self._zero_ns(history)
        ms = record.milliseconds(zero_ns)
        users = {0: "root", self._slot.uid: USER}
        everybody = record.processes(history, evidence, users, zero_ns)
        roles = {p.pid: p.role for p in history.processes}
        runner = next((p for p in everybody if p.key == 0), None)
        return Observation(
            cell=self._cell.id,
            evidence=evidence,
            attempt=self._cell.attempt,
            trouble=trouble,
            armed_ms=None if self._armed_ns is None else ms(self._armed_ns),
            fired=tuple(
                Fired(ms(f.at_ns), f.what, f.error, f.limit_s) for f in self._reports.fired
            ),
            decided_ms=ms(self._decided_ns),
            decided=self._decided,
            processes=everybody,
            signals=record.signals(history, zero_ns),
            marks=record.marks(history, zero_ns),
            stdout=self._stream("o"),
            stderr=self._stream("e"),
            present=self._present,
            left=leftovers.look(sandbox.root(), roles, self._cell.job.workdir, self._before),
            report=self._report(ms),
            runner_end=runner.end if runner is not None and runner.ended_ms is not None else None,
            limits=self._limits(sandbox),
            declared=self._declared(),
            terminal_modes=self._terminal_modes(),
            queued=self._queued(ms),
            again_ms=tuple(ms(at_ns) for at_ns in history.again_ns),
            runner_log=self._reports.log if trouble is not None or self._keeps_log() else "",
        )

    def _keeps_log(self) -> bool:
        """Whether what the runner itself logged is of interest though the cell was measured."""
        return False

    def _queued(self, ms: Callable[[int], float]) -> tuple[Queued, ...]:
        return tuple(
            Queued(
                ms(each["submitted_ns"]),
                None if each["started_ns"] is None else ms(each["started_ns"]),
                each["listed"],
            )
            for each in self._reports.queue or ()
        )

    def _terminal_modes(self) -> TerminalModes | None:
        before, after = self._reports.modes_before, self._reports.modes_after
        if before is None:
            return None
        return TerminalModes(tuple(before), None if after is None else tuple(after))

    def _zero_ns(self, history: History) -> int:
        """The cancellation; where there is none, the end of the job's first process."""
        if self._reports.fired:
            return self._reports.fired[0].at_ns
        job = history.first
        if job is not None and job.ended_ns is not None:
            return job.ended_ns
        return self._decided_ns if self._armed_ns is None else self._armed_ns

    def _report(self, ms: Callable[[int], float]) -> Report | None:
        told = self._reports.end
        if told is None or told.at_ns > self._decided_ns:
            return None
        end = End(told.status, told.signal)
        return Report(ms(told.at_ns), Said(told.said), end, told.words)

    def _stream(self, letter: str) -> Stream:
        kept = bytes(self._reports.output[letter])
        before, after, sent = (self._reports.counts or {}).get(letter, (len(kept), 0, len(kept)))
        text = kept.decode("utf-8", "replace")
        exact = "" if text.encode() == kept else base64.b64encode(kept).decode()
        return Stream(text, before, after, sent < before + after, exact)

    def _limits(self, sandbox: Sandbox) -> tuple[str, ...]:
        met = self._slot.group.limits_met() if self._slot.group is not None else ()
        with contextlib.suppress(OSError):
            room = os.statvfs(sandbox.root())
            if room.f_bavail == 0 or room.f_favail == 0:
                met += ("written bytes",)
        return met

    def _declared(self) -> Declared:
        job = self._cell.job
        return Declared(job.marks, job.cleanup, job.removes, job.pause_s, job.rests)

    def _unmeasured(self, kind: TroubleKind, words: str) -> Observation:
        return Observation(
            cell=self._cell.id,
            evidence=self._with.watcher.evidence,
            attempt=self._cell.attempt,
            trouble=Trouble(kind, words),
            declared=self._declared(),
            runner_log=self._reports.log,
        )


def _layout(arrangement: Arrangement) -> Layout:
    if arrangement.engine is not None:
        return Layout.ENGINE
    return Layout.ONE_HOST if arrangement.server is None else Layout.TWO_HOSTS


def _lost_events() -> Trouble:
    return Trouble(
        TroubleKind.LOST_EVENTS,
        "the kernel overwrote trace events before they were read: the machine was too busy for "
        "this many cells in flight",
    )


def _survivors(sandbox: Sandbox, follower: Follower) -> set[int]:
    """Who lives in the sandbox, by /proc, without what belongs to it and the runner."""
    history = follower.history
    living = {pid for _, pid in procfs.descendants(sandbox.init_pid) if procfs.alive(pid)}
    ours = {process.pid for process in history.machinery}
    return living - ours - ({history.runner.pid} if history.runner is not None else set())
