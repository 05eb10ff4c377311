"""What was read, as one frozen thing: the words, the slices, and their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from aftercancel.errors import UsageError, did_you_mean
from aftercancel.model import (
    Action,
    Cancellation,
    Cell,
    Engine,
    EngineKind,
    Job,
    Launcher,
    Runner,
    Sender,
    Shell,
    Step,
    Target,
)

DEFAULT = "default"
"""Stands for every slice that is measured when none is named."""
_WORDS_IN_ID = "JOB/SHELL/LAUNCHER/RUNNER/CANCELLATION"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the matrix that answers one question."""

    id: str
    sentence: str
    cells: tuple[str, ...]
    """Ids, in the order in which they are run and shown."""
    answers: tuple[str, ...] = ()
    """The claims that these cells are for."""
    default: bool = True
    """Whether they are run unless something else is asked for."""


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
        """The cells of these slices (none named: of the default ones), in order, each once.

        ``DEFAULT`` stands for the default ones too, beside others.
        """
        wanted: dict[str, Cell] = {}
        for name in slices or (DEFAULT,):
            for piece in self._slices(name):
                wanted |= {cell: self.matrix[cell] for cell in piece.cells}
        return tuple(wanted.values())

    def _slices(self, name: str) -> Sequence[Slice]:
        if name == DEFAULT:
            return [each for each in self.slices.values() if each.default]
        if name not in self.slices:
            raise UsageError(_no("slice", name, {**self.slices, DEFAULT: None}))
        return [self.slices[name]]

    def with_runners(self, versions: Mapping[str, Sequence[Runner]]) -> Catalogue:
        """The same with each of these runners, by its id, instead by what was found of it.

        Their ids have the version, so the cells' have it too; several versions make a cell each.
        """
        cells = {
            old: [replace(cell, runner=runner) for runner in versions[cell.runner.id]]
            for old, cell in self.matrix.items()
            if cell.runner.id in versions
        }
        runners: dict[str, Runner] = {}
        for name, runner in self.runners.items():
            runners |= {each.id: each for each in versions.get(name, (runner,))}
        ids = {old: [cell.id for cell in new] for old, new in cells.items()}
        slices = {
            name: replace(each, cells=tuple(i for old in each.cells for i in ids.get(old, (old,))))
            for name, each in self.slices.items()
        }
        matrix = {
            cell.id: cell for old, known in self.matrix.items() for cell in cells.get(old, (known,))
        }
        return replace(self, runners=runners, slices=slices, matrix=matrix)

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
        # Without a version that one is meant which was found, where it is the only one.
        versions = [name for name in self.runners if name.partition("@")[0] == words[3]]
        words[3] = versions[0] if len(versions) == 1 else words[3]
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
    return _not_by_runner(cell) or _cannot_be_fired(cell)


def _not_by_runner(cell: Cell) -> str | None:
    """What this runner cannot be given."""
    job, runner = cell.job, cell.runner
    if job.after and not runner.after:
        return f"{job.id} has something to be run after it, and {runner.id} knows nothing like it."
    if job.queued and not runner.queue:
        return f"{job.id} has others waiting behind it, and {runner.id} has no queue."
    if runner.shells and not any(fnmatchcase(cell.shell.id, glob) for glob in runner.shells):
        return f"{runner.id} is tried with {', '.join(runner.shells)} only, not {cell.shell.id}."
    return _not_by_a_real_one(cell) if runner.real else None


def _not_by_a_real_one(cell: Cell) -> str | None:
    """What the lab's own runner gives a job, and no real one does."""
    job, runner, launcher = cell.job, cell.runner, cell.launcher
    if job.input is not None:
        return f"{job.id} reads an input, and {runner.id} gives none."
    if any(hop.far or hop.terminal or hop.as_root or hop.engine for hop in launcher.hops):
        return (
            f"{launcher.id} needs another host, a terminal, root or a container engine, and "
            f"{runner.id} has none."
        )
    return None


def _not_of_runner(cell: Cell) -> str | None:
    """Whom of the runner the cancellation hits that is not there."""
    runner, cancellation = cell.runner, cell.cancellation
    for step in cancellation.steps:
        if step.action is Action.ASK and step.way not in runner.ways:
            ways = ", ".join(runner.ways) or "none of its own"
            return f"{runner.id} cannot be asked for {step.way}; its ways are: {ways}."
        to = step.to if step.action in (Action.SIGNAL, Action.START) else None
        if to is Target.RUNNER and not runner.signals:
            return f"{runner.id} is no program that can be signalled."
        if to is Target.SERVER and not runner.server:
            return f"{runner.id} has no server."
        if runner.real and not _by_root(step):
            return f"{cancellation.id} is what the lab's own runner does, not {runner.id}."
    return None


def _by_root(step: Step) -> bool:
    """Whether it is done from outside, whatever the runner is."""
    if step.action is Action.SIGNAL:
        aimed = step.to in (Target.PROCESS, Target.GROUP) and step.by is Sender.ROOT
        return aimed or step.to in (Target.RUNNER, Target.SERVER)
    return step.action in (Action.ASK, Action.START, Action.WAIT)


def _cannot_be_fired(cell: Cell) -> str | None:
    launcher, runner, cancellation = cell.launcher, cell.runner, cell.cancellation
    reason = _not_of_runner(cell)
    if reason is not None:
        return reason
    if cancellation.needs_terminal and not cell.terminal:
        return f"{cancellation.id} needs a terminal, and {runner.id} gives none (plain-tty does)."
    if cell.terminal and cancellation.needs_pipe:
        who = runner.id if runner.terminal else launcher.id
        return f"{cancellation.id} needs a pipe, and {who} has a terminal instead."
    return _not_of_launcher(cell)


def _not_of_launcher(cell: Cell) -> str | None:
    """What of the launcher the cancellation hits that is not there."""
    launcher, cancellation = cell.launcher, cell.cancellation
    if cancellation.needs_far and all(hop.far is None for hop in launcher.hops):
        return f"{cancellation.id} needs a second host, and {launcher.id} goes to none (ssh does)."
    if cancellation.needs_engine and cell.engine is None:
        return f"{cancellation.id} needs a container engine, and {launcher.id} starts none."
    for step in cancellation.steps:
        if cell.engine is not None and not _by_engine(step, cell.engine):
            return f"{cancellation.id} is not for {cell.engine.kind}, which {launcher.id} needs."
    if cancellation.needs_requests and not launcher.takes_requests:
        return f"{cancellation.id} needs a client that sends RFC 4254's request, not {launcher.id}."
    return None


def _by_engine(step: Step, engine: Engine) -> bool:
    """Whether this engine can do it, if an engine is to do it."""
    if step.action is Action.RESTART:
        return engine.kind is EngineKind.DOCKER  # podman has no daemon
    clients = {word.split("-")[0] for word in step.command[:1]}
    return step.action is not Action.RUN or clients <= {engine.kind.value}


def _no(axis: str, word: str, known: Mapping[str, object]) -> str:
    hint = did_you_mean(word, known) or f"`aftercancel list {axis}s` shows all."
    return f"There is no {axis} {word}. {hint}"
