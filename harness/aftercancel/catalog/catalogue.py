"""What was read, as one frozen thing: the words, the slices, and their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftercancel.errors import UsageError, did_you_mean
from aftercancel.model import (
    Cancellation,
    Cell,
    Job,
    Launcher,
    Runner,
    Shell,
)

_WORDS_IN_ID = "JOB/SHELL/LAUNCHER/RUNNER/CANCELLATION"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the default matrix that answers one question."""

    id: str
    sentence: str
    cells: tuple[str, ...]
    """Ids, in the order in which they are run and shown."""
    answers: tuple[str, ...] = ()
    """The claims that these cells are for."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that the lab knows how to try."""

    shells: Mapping[str, Shell]
    jobs: Mapping[str, Job]
    launchers: Mapping[str, Launcher]
    runners: Mapping[str, Runner]
    cancellations: Mapping[str, Cancellation]
    slices: Mapping[str, Slice]
    matrix: Mapping[str, Cell]
    """Every cell of the slices by its id, in the order of the slices."""

    def cells(self, slices: Sequence[str] = ()) -> tuple[Cell, ...]:
        """The cells of these slices (none named: of all), in order, each once."""
        if not slices:
            return tuple(self.matrix.values())
        wanted: dict[str, Cell] = {}
        for name in slices:
            if name not in self.slices:
                raise UsageError(_no("slice", name, self.slices))
            wanted |= {cell: self.matrix[cell] for cell in self.slices[name].cells}
        return tuple(wanted.values())

    def cell(self, cell_id: str) -> Cell:
        """The cell of this id, also outside the matrix; UsageError where there is none."""
        if cell_id in self.matrix:
            return self.matrix[cell_id]
        words = cell_id.split("/")
        if len(words) != _WORDS_IN_ID.count("/") + 1:
            near = did_you_mean(cell_id, self.matrix)
            raise UsageError(
                f"{cell_id} is not a cell's id. An id is {_WORDS_IN_ID}. {near}".rstrip()
            )
        axes: tuple[tuple[str, Mapping[str, object]], ...] = (
            ("job", self.jobs),
            ("shell", self.shells),
            ("launcher", self.launchers),
            ("runner", self.runners),
            ("cancellation", self.cancellations),
        )
        wrong = [
            _no(axis, word, known)
            for (axis, known), word in zip(axes, words, strict=True)
            if word not in known
        ]
        if wrong:
            raise UsageError(f"There is no cell {cell_id}. {' '.join(wrong)}")
        job, shell, launcher, runner, cancellation = words
        cell = Cell(
            self.jobs[job],
            self.shells[shell],
            self.launchers[launcher],
            self.runners[runner],
            self.cancellations[cancellation],
        )
        reason = impossible(cell)
        if reason is not None:
            raise UsageError(f"The cell {cell_id} is impossible: {reason}")
        return cell


def impossible(cell: Cell) -> str | None:
    """Why nothing can be measured with this combination, as a sentence; None: it can be tried."""
    job, shell = cell.job, cell.shell
    if job.kind is not shell.kind:
        return f"{job.id} is a {job.kind.value} job, and {shell.id} does not run those."
    if job.shells and shell.family not in job.shells:
        return f"{job.id} runs under {', '.join(job.shells)} only, not under {shell.id}."
    return _cannot_be_fired(cell)


def _cannot_be_fired(cell: Cell) -> str | None:
    launcher, runner, cancellation = cell.launcher, cell.runner, cell.cancellation
    if cancellation.needs_terminal and not cell.terminal:
        return f"{cancellation.id} needs a terminal, and {runner.id} gives none (plain-tty does)."
    if cell.terminal and cancellation.needs_pipe:
        who = runner.id if runner.terminal else launcher.id
        return f"{cancellation.id} needs a pipe, and {who} has a terminal instead."
    if cancellation.needs_far and all(hop.far is None for hop in launcher.hops):
        return f"{cancellation.id} needs a second host, and {launcher.id} goes to none (ssh does)."
    if cancellation.needs_requests and not launcher.takes_requests:
        return f"{cancellation.id} needs a client that sends RFC 4254's request, not {launcher.id}."
    return None


def _no(axis: str, word: str, known: Mapping[str, object]) -> str:
    hint = did_you_mean(word, known) or f"`aftercancel list {axis}s` shows all."
    return f"There is no {axis} {word}. {hint}"
