"""The history of a sandbox where a real runner stands, one cell after another.

Beside the runner there are a steward, who starts it and what it needs, and a server of its own or a
fake one. What the runner starts for a job is the cell's; what these do among themselves is not.
"""

from __future__ import annotations

from collections.abc import Callable

from aftercancel.executor.events import Event, Forked, Generated, Marked
from aftercancel.executor.history import READY, History
from aftercancel.executor.lives import (
    RUNNER,
    SERVER,
    STEWARD,
    Layout,
    ProcessHistory,
    of_the_sandbox,
)
from aftercancel.executor.names import Names

_STARTED_LATER_NS = 1_000_000_000
"""A server tells that a job has started when the runner has told it, after the fact."""


class StandingHistory(History):
    """Of one cell; ``next_cell`` makes that of the next. The first is of none: it has no job."""

    def __init__(
        self,
        init_pid: int,
        names: Names,
        is_job: Callable[[ProcessHistory], bool],
        *,
        before_runner: int | None = None,
    ) -> None:
        """``before_runner``: what ``History`` says, where there is an engine; None: there is none."""
        layout = Layout.ONE_HOST if before_runner is None else Layout.ENGINE
        super().__init__(
            init_pid, names, is_job, layout, by_mark=True, before_runner=before_runner or 0
        )
        self._between = True
        """Whether no cell has begun: what is started belongs to the sandbox."""
        self._again: set[int] = set()
        """The keys of what the runner started to run the same job once more."""
        self.next_ns: int | None = None
        """When the runner began with a further job: what it starts from then on is not the cell's."""

    def next_cell(
        self, is_job: Callable[[ProcessHistory], bool], runner: int | None
    ) -> StandingHistory:
        """Of another cell in the same sandbox, with what stands there.

        ``runner``: the process id of the real runner; None: one is started for each job.
        """
        before = self._before_runner if self._layout is Layout.ENGINE else None
        following = StandingHistory(self._init.pid, self._names, is_job, before_runner=before)
        following._between = False  # one of us
        for process in [*self.machinery[1:], *self.processes[:1]]:
            if not process.lives:
                continue
            anew = of_the_sandbox(process.pid, process.role, None)
            anew.program, anew.argv, anew.forked = process.program, process.argv, process.forked
            anew.threads, anew.started_ns = set(process.threads), process.started_ns
            if process.pid == runner:
                anew.key, anew.role = 0, RUNNER
                following.processes.append(anew)
            else:
                following.machinery.append(anew)
            following._by_tid |= dict.fromkeys(anew.threads, anew)
        following._init.forked = self._init.forked
        return following

    def add(self, event: Event) -> None:
        """See ``History``; but only what concerns the cell breaks its silence."""
        # What a real runner and its server do among themselves never ends.
        concerns = self._concerns_the_cell(event)
        self._take(event)
        if concerns or self._concerns_the_cell(event):
            self.last_event_ns = event.at_ns

    def _concerns_the_cell(self, event: Event) -> bool:
        whom = event.target if isinstance(event, Generated) else event.tid
        found = None if whom is None else self._by_tid.get(whom)
        if found is not None and found.key > 0:
            return True
        if not isinstance(event, Forked) or event.thread:
            return False
        child = self._by_tid.get(event.child)
        return child is not None and child.key > 0

    @property
    def first(self) -> ProcessHistory | None:
        """See ``History``; not what it did before."""
        return None if self._job is None else _top(self._job)

    def living(self) -> list[ProcessHistory]:
        """See ``History``; without those of a further job."""
        return [p for p in super().living() if not self.of_another_job(p)]

    def recorded(self) -> list[ProcessHistory]:
        """The processes that make up the cell's record, the runner first.

        Left out is what a real runner did on its own account before the job and after it (a
        checkout, tidying up): what it started beside the job's first process, as long as nothing
        of it has said anything (an after_script has), and nothing of it is left.
        """
        kept = [p for p in self.processes if not self.of_another_job(p)]
        if self._job is None:
            return kept
        speaking = {_top(mark.writer).key for mark in self.marks if mark.writer is not None}
        living = {_top(p).key for p in kept if p.lives}
        there = {0, _top(self._job).key} | speaking | living
        return [p for p in kept if p.key == 0 or _top(p).key in there]

    def of_another_job(self, process: ProcessHistory) -> bool:
        """Whether a further job of the runner's queue made it, or the same job in another run."""
        if process.key == 0 or self._job is None:
            return False
        top = _top(process)
        if top.key in self._again:
            return True
        if self.next_ns is None:
            return False
        return top is not _top(self._job) and top.started_ns >= self.next_ns - _STARTED_LATER_NS

    def _may_be_the_job(self, process: ProcessHistory) -> bool:
        """The same again is another run: Buildbot's master builds anew what lost its worker."""
        if self._job is None or self._job is process:
            return True
        if self._is_job(process) and not process.is_below(_top(self._job)):
            top = _top(process)
            if top.key not in self._again:
                self._again.add(top.key)
                self.again_ns.append(process.started_ns)
        return False

    def _marked(self, event: Marked) -> None:
        """See ``History``. A runner that was started again belongs to the sandbox, and its jobs with
        it; of these only the same job says that it is ready.
        """
        super()._marked(event)
        writer = None if event.tid is None else self._by_tid.get(event.tid)
        again = writer is not None and writer.of_the_sandbox and self._job is not None
        if again and event.text.strip() == READY:
            self.again_ns.append(event.at_ns)

    def _stays_the_runner(self, process: ProcessHistory) -> bool:
        return process.key == 0

    def _role_in_the_sandbox(self, parent: ProcessHistory) -> str | None:
        """The steward starts the runner, and what that needs.

        Where no runner stands there, the last process that it starts before the job is the cell's
        runner; those before that (git, say) have ended by then.
        """
        if self._is_engine(parent):
            return SERVER if self._between else None
        if parent is self._init and parent.forked <= self._before_runner:
            return SERVER
        if parent is self._init:
            steward = parent.forked == self._before_runner + 1
            return STEWARD if steward else (SERVER if self._between else None)
        if parent.role != STEWARD or self._between or self._job is not None:
            return SERVER
        if any(process.lives for process in self.processes):
            return SERVER
        self.processes.clear()
        self.signals.clear()
        self._pending.clear()
        return None


def _top(process: ProcessHistory) -> ProcessHistory:
    """The one above it that the runner started; itself, where that is it."""
    while process.parent is not None and process.parent.key > 0:
        process = process.parent
    return process
