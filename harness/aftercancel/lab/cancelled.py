"""What became of a script that was cancelled, with a yes-or-no question for each answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from aftercancel import judge
from aftercancel.errors import CouldNotTell, UsageError
from aftercancel.model import (
    Cell,
    CleanUp,
    Left,
    Mark,
    Observation,
    Outcome,
    Process,
    Processes,
    Signal,
    Stream,
    Truth,
)

__tracebackhide__ = True
"""A failed assertion shows the user's own line, not how we came to the answer."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an outcome, with a yes-or-no question for each of its values."""

    value: Processes | CleanUp | Truth
    reason: str

    def __repr__(self) -> str:
        return f"<{self.value.value}: {self.reason}>"

    def __str__(self) -> str:
        return self.value.value

    def holds(self, value: Processes | CleanUp | Truth) -> bool:
        """Whether it is this value; raises where it is not known."""
        if self.value.value == "unknown":
            raise CouldNotTell(f"Could not tell: {self.reason}")
        return self.value is value


class ProcessesAxis(Axis):
    """What is still running?"""

    __slots__ = ()

    @property
    def gone(self) -> bool:
        return self.holds(Processes.GONE)

    @property
    def late(self) -> bool:
        return self.holds(Processes.LATE)

    @property
    def orphaned(self) -> bool:
        return self.holds(Processes.ORPHANED)


class CleanUpAxis(Axis):
    """Did the clean-up run?"""

    __slots__ = ()

    def holds(self, value: Processes | CleanUp | Truth) -> bool:
        if self.value is CleanUp.NONE_DECLARED:
            raise UsageError(
                "The lab does not know what this script's clean-up is. Name the files that it "
                "removes (removes=[…]) or the handler that it marks (cleanup='EXIT')."
            )
        return Axis.holds(self, value)

    @property
    def ran(self) -> bool:
        return self.holds(CleanUp.RAN)

    @property
    def cut_off(self) -> bool:
        return self.holds(CleanUp.CUT_OFF)

    @property
    def skipped(self) -> bool:
        return self.holds(CleanUp.SKIPPED)


class ReportAxis(Axis):
    """Was the runner's report true?"""

    __slots__ = ()

    @property
    def truthful(self) -> bool:
        return self.holds(Truth.TRUTHFUL)

    @property
    def early(self) -> bool:
        return self.holds(Truth.EARLY)

    @property
    def wrong(self) -> bool:
        return self.holds(Truth.WRONG)

    @property
    def hung(self) -> bool:
        return self.holds(Truth.HUNG)


class Cancelled:
    """What became of a script that was cancelled."""

    def __init__(self, cell: Cell, observation: Observation) -> None:
        self.cell = cell
        self.observation = observation

    @cached_property
    def outcome(self) -> Outcome:
        """The verdict on the three axes."""
        return judge.judged(self.observation)

    @property
    def processes(self) -> ProcessesAxis:
        return ProcessesAxis(self.outcome.processes, self.outcome.reason)

    @property
    def cleanup(self) -> CleanUpAxis:
        return CleanUpAxis(self.outcome.cleanup, self.outcome.reason)

    @property
    def report(self) -> ReportAxis:
        return ReportAxis(self.outcome.report, self.outcome.reason)

    @property
    def orphans(self) -> tuple[Process, ...]:
        """The processes that were still there in the end."""
        self._measured()
        return tuple(p for p in self.observation.processes if p.key and p.ended_ms is None)

    @property
    def marks(self) -> tuple[Mark, ...]:
        self._measured()
        return self.observation.marks

    @property
    def signals(self) -> tuple[Signal, ...]:
        self._measured()
        return self.observation.signals

    @property
    def left(self) -> Left:
        """Files and locks that were left."""
        self._measured()
        return self.observation.left

    @property
    def stdout(self) -> Stream:
        self._measured()
        return self.observation.stdout

    @property
    def stderr(self) -> Stream:
        self._measured()
        return self.observation.stderr

    def story(self) -> str:
        """What happened, in milliseconds from the cancellation."""
        from aftercancel.render import story

        return "\n".join(story(self.observation, self.cell.job))

    def _measured(self) -> None:
        if self.observation.trouble is not None:
            raise CouldNotTell(f"Could not tell: {self.outcome.reason}")

    def __repr__(self) -> str:
        outcome = self.outcome
        axes = f"processes {outcome.processes}, clean-up {outcome.cleanup}, report {outcome.report}"
        return f"<{self.cell.job.name} {self.cell.cancellation.id}: {axes}. {outcome.reason}>"
