"""Say in the head of each remedy where it does not hold: ``remedies.py DIR``, a stored run.

A remedy is a script that people may copy. Between two marks in its head stands what a run has
shown: where something is still running, or the clean-up did not run, or both came too late. Every
line is true of every cell of the run that it speaks of.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from aftercancel import catalog
from aftercancel.catalog import Catalogue
from aftercancel.errors import AftercancelError, Fault, ScenarioError, UsageError
from aftercancel.model import CleanUp, Outcome, Processes
from aftercancel.render.rows import words
from aftercancel.results import RunFolder
from aftercancel.results.reports import judge_run

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
REMEDIES = (
    "jobs/recipe-sh.sh",
    "jobs/recipe-bash.sh",
    "jobs/recipe-python.py",
    "jobs/sh-wrapper.sh",
    "jobs/py-wrapper.py",
    "launchers/eof-to-hup.sh",
)
OPENING, CLOSING = "# -- measured (make remedies)", "# --"
_WIDTH, _LINES = 100, 12


class Problem(StrEnum):
    """What can be wrong with a cell, the worst first."""

    RUNS_ON = "The job itself runs on"
    LEFT = "What the job started runs on"
    LEFT_DIRTY = "What the job started runs on, and the clean-up did not come to its end"
    SKIPPED = "Clean-up skipped"
    CUT_OFF = "Clean-up cut off"
    LATE = "All done, but after the runner's report"
    UNSTABLE = "Not the same every time"
    UNKNOWN = "Could not be told"


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured cell, as a remedy sees it."""

    subject: str
    """The job and its shell, in the words that tell this remedy's cells apart."""
    place: str
    """The launcher; with a runner other than plain, both as in the cell's id."""
    cancellation: str
    problem: Problem | None
    """None: the remedy held."""


def problem(outcome: Outcome) -> Problem | None:
    """What is wrong, if anything is."""
    if outcome.processes is Processes.UNKNOWN or outcome.cleanup is CleanUp.UNKNOWN:
        return Problem.UNKNOWN
    clean = outcome.cleanup in {CleanUp.RAN, CleanUp.NONE_DECLARED}
    if outcome.processes is Processes.ORPHANED:
        if "job" in outcome.roles:
            return Problem.RUNS_ON
        return Problem.LEFT if clean else Problem.LEFT_DIRTY
    if not clean:
        return Problem.SKIPPED if outcome.cleanup is CleanUp.SKIPPED else Problem.CUT_OFF
    return Problem.LATE if outcome.processes is Processes.LATE else None


def cells_of(remedy: str, catalogue: Catalogue, outcomes: Iterable[Outcome]) -> dict[str, Cell]:
    """The cells that the remedy has a part in, by their ids."""
    name = Path(remedy).name
    jobs = {job.id for job in catalogue.jobs.values() if job.name == name}
    launchers = {
        launcher.id
        for launcher in catalogue.launchers.values()
        for hop in launcher.hops
        for file in hop.files
        if Path(file.path).name == name
    }
    mine = [
        (outcome, its)
        for outcome in outcomes
        if (its := words(outcome.cell)).job in jobs or its.launcher in launchers
    ]
    shells = {
        its.job: {other.shell for _, other in mine if other.job == its.job} for _, its in mine
    }
    found: dict[str, Cell] = {}
    for outcome, its in mine:
        several = f"{its.job}/{its.shell}" if len(shells[its.job]) > 1 else its.job
        cell = Cell(
            subject=its.shell if its.job == Path(remedy).stem else several,
            place=its.launcher if its.runner == "plain" else f"{its.launcher}/{its.runner}",
            cancellation=its.cancellation,
            problem=problem(outcome),
        )
        if found.setdefault(outcome.cell, cell) != cell:  # another attempt
            found[outcome.cell] = replace(cell, problem=Problem.UNSTABLE)
    return found


def block(cells: Sequence[Cell], slices: Sequence[str]) -> list[str]:
    """The comment lines, marks included; where they are many, the least problem is told in short."""
    held = sum(cell.problem is None for cell in cells)
    lines = _wrapped(
        f"{OPENING}: all gone and clean in time in {held} of {len(cells)} cells of "
        f"{', '.join(slices)}. Else:"
    )
    told = {
        kind: _wrapped(f"# {kind.value}: {'; '.join(clauses)}.")
        for kind in Problem
        if (clauses := _clauses(kind, cells))
    }
    if Problem.LATE in told and sum(map(len, told.values())) > _LINES:
        told[Problem.LATE] = _wrapped(f"# {Problem.LATE.value}: {_places(Problem.LATE, cells)}.")
    return [*lines, *(line for kind in told.values() for line in kind), CLOSING]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent="#   ", break_on_hyphens=False, break_long_words=False
    )


def _places(kind: Problem, cells: Sequence[Cell]) -> str:
    """Where the cells have that problem, without saying with which cancellations."""
    places = {cell.place for cell in cells if cell.problem is kind}
    return f"with some or all cancellations{_under(places, {cell.place for cell in cells})}"


def _clauses(kind: Problem, cells: Sequence[Cell]) -> list[str]:
    """Where the cells have that problem: ``TERM-process under flock, xargs (zsh)``."""
    return list(dict.fromkeys(_each_clause(kind, cells)))


def _each_clause(kind: Problem, cells: Sequence[Cell]) -> Iterator[str]:
    measured = {(cell.cancellation, cell.place) for cell in cells}
    wrong = {
        pair: who
        for pair in sorted(measured)
        if (who := _subjects(kind, [c for c in cells if (c.cancellation, c.place) == pair]))
    }
    for who in dict.fromkeys(wrong.values()):
        pairs = {pair for pair in wrong if wrong[pair] == who}
        suffix = f" ({', '.join(who)})" if who != _EVERYBODY else ""
        always = {place for _, place in pairs if _always(place, measured, pairs)}
        if always:
            yield f"whatever is sent{_under(always, {p for _, p in measured})}{suffix}"
        by_places: dict[str, list[str]] = {}
        for cancellation in sorted({c for c, place in pairs if place not in always}):
            there = {p for c, p in pairs if c == cancellation} - always
            possible = {p for c, p in measured if c == cancellation} - always
            by_places.setdefault(_under(there, possible), []).append(cancellation)
        for under, cancellations in by_places.items():
            yield f"{', '.join(cancellations)}{under}{suffix}"


_EVERYBODY = ("",)


def _subjects(kind: Problem, cells: Sequence[Cell]) -> tuple[str, ...]:
    """Which of these have the problem; none, some, or everybody."""
    found = tuple(sorted({cell.subject for cell in cells if cell.problem is kind}))
    return _EVERYBODY if found and len(found) == len({c.subject for c in cells}) else found


def _always(
    place: str, measured: Iterable[tuple[str, str]], wrong: Iterable[tuple[str, str]]
) -> bool:
    """Whether it is so in that place with every cancellation, of which there are several."""
    there = {pair for pair in measured if pair[1] == place}
    return len(there) > 1 and there <= set(wrong)


def _under(places: set[str], possible: set[str]) -> str:
    """The places in the fewest words."""
    others = possible - places
    if not others:
        return ""
    if len(others) < len(places):
        return f" under all but {', '.join(sorted(others))}"
    return f" under {', '.join(sorted(places))}"


def replaced(text: str, lines: Sequence[str], file: str) -> str:
    """The text with another block between its marks."""
    rows = text.split("\n")
    first = next((n for n, row in enumerate(rows) if row.startswith(OPENING)), None)
    last = (
        None
        if first is None
        else next((n for n, row in enumerate(rows[first:], first) if row == CLOSING), None)
    )
    if first is None or last is None:
        hint = f'Write two lines into its head: "{OPENING}" and "{CLOSING}".'
        raise ScenarioError(
            [Fault(file, None, "The place for what was measured is missing.", hint)]
        )
    return "\n".join([*rows[:first], *lines, *rows[last + 1 :]])


def main() -> int:
    if len(sys.argv) != 2:
        raise UsageError("Usage: remedies.py DIR, the folder of a stored run.")
    stored = RunFolder.open(Path(sys.argv[1]))
    record = stored.record()
    results = judge_run(stored, record).results
    catalogue = catalog.load(SCENARIOS)
    for remedy in REMEDIES:
        path = SCENARIOS / remedy
        cells = cells_of(remedy, catalogue, results.outcomes)
        if not cells:
            print(f"{remedy}: no cell of it in {stored.path}; left as it is")
            continue
        slices = [s.id for s in results.sections if not cells.keys().isdisjoint(s.cells)]
        text = path.read_text()
        changed = replaced(text, block(list(cells.values()), slices), remedy)
        if changed != text:
            path.write_text(changed)
        print(f"{remedy}: {len(cells)} cells, {'written' if changed != text else 'as it was'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AftercancelError as error:
        print(error, file=sys.stderr)
        sys.exit(int(error.status))
