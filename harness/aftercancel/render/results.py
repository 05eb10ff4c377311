"""A judged run as a reader wants it: cells with their attempts put together, and counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from aftercancel.judge.models import Agreement
from aftercancel.judge.repeats import Stability
from aftercancel.model import CleanUp, Outcome, Processes, Truth

_ATTEMPT = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Section:
    """A slice of the matrix: some cells that belong together."""

    id: str
    cells: tuple[str, ...]
    """Ids of cells; those of single attempts (``cell#2``) count as their cell."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """What there is to show of a run."""

    outcomes: tuple[Outcome, ...]
    sections: tuple[Section, ...] = ()
    missing: tuple[str, ...] = ()
    """Cells (or attempts) that were to be measured and have no observation."""
    stability: tuple[Stability, ...] = ()
    """Where cells were measured more than once."""
    unavailable: tuple[tuple[str, str], ...] = ()
    """What was not even tried, and why: ``("zsh", "it is not installed: apt install zsh")``."""
    models: tuple[Agreement, ...] = ()
    """Models of runners, each beside every real one that it follows."""

    def cells(self) -> dict[str, CellResult]:
        """Every cell of which anything is known, in order, its attempts put together."""
        attempts: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            attempts.setdefault(outcome.cell, []).append(outcome)
        unstable = {s.cell for s in self.stability if not s.stable}
        without = {cell_of(key) for key in self.missing}
        found = {
            cell: CellResult(cell, tuple(outcomes), cell in unstable, cell in without)
            for cell, outcomes in attempts.items()
        }
        for cell in dict.fromkeys(cell_of(key) for key in self.missing):
            found.setdefault(cell, CellResult(cell, (), unstable=False, missing=True))
        return found

    def all_sections(self) -> tuple[Section, ...]:
        """The sections, and one more for the cells that are in none: nothing is left out."""
        cells = self.cells()
        known = {cell_of(key) for section in self.sections for key in section.cells}
        rest = tuple(cell for cell in cells if cell not in known)
        sections = tuple(
            Section(
                s.id,
                tuple(c for c in dict.fromkeys(map(cell_of, s.cells)) if c in cells),
                s.sentence,
            )
            for s in self.sections
        )
        if rest:
            title = "other cells" if sections else "cells"
            sections = (*sections, Section(title, rest))
        return tuple(section for section in sections if section.cells)


@dataclass(frozen=True, slots=True)
class CellResult:
    """One cell with the outcomes of all its attempts."""

    cell: str
    outcomes: tuple[Outcome, ...]
    unstable: bool
    """Whether its fingerprints differ, whatever the outcomes say."""
    missing: bool
    """Whether an attempt at it has no observation."""

    @property
    def processes(self) -> frozenset[Processes]:
        return frozenset(o.processes for o in self.outcomes)

    @property
    def cleanup(self) -> frozenset[CleanUp]:
        return frozenset(o.cleanup for o in self.outcomes)

    @property
    def report(self) -> frozenset[Truth]:
        return frozenset(o.report for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Untold:
    """Cells of which something could not be told, all for the same reason."""

    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers, and everything that is not a plain outcome by name."""

    cells: int
    attempts: int
    processes: Mapping[str, int]
    cleanup: Mapping[str, int]
    report: Mapping[str, int]
    untold: tuple[Untold, ...]
    missing: tuple[str, ...]
    unstable: tuple[Stability, ...]
    unavailable: tuple[tuple[str, str], ...]


def summary(results: Results) -> Summary:
    """Counts are of attempts, so that each observation is counted once."""
    outcomes = results.outcomes
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if not outcome.known:
            key = f"{outcome.cell}#{outcome.attempt}" if outcome.attempt > 1 else outcome.cell
            reasons.setdefault(outcome.reason, []).append(key)
    untold = [Untold(reason, tuple(cells)) for reason, cells in reasons.items()]
    return Summary(
        cells=len(results.cells()),
        attempts=len(outcomes),
        processes=_counts(Processes, (o.processes for o in outcomes)),
        cleanup=_counts(CleanUp, (o.cleanup for o in outcomes)),
        report=_counts(Truth, (o.report for o in outcomes)),
        untold=tuple(sorted(untold, key=lambda u: -len(u.cells))),
        missing=results.missing,
        unstable=tuple(s for s in results.stability if not s.stable),
        unavailable=results.unavailable,
    )


def cell_of(key: str) -> str:
    """The cell's id of an attempt's key."""
    return _ATTEMPT.sub("", key)


def by_cell(results: Results) -> Summary:
    """The same, each cell counted once, and whatever chance decides between attempts left out."""
    cells = results.cells().values()
    found = summary(results)
    return replace(
        found,
        attempts=found.cells,
        processes=_counts_of_cells(Processes, (cell.processes for cell in cells)),
        cleanup=_counts_of_cells(CleanUp, (cell.cleanup for cell in cells)),
        report=_counts_of_cells(Truth, (cell.report for cell in cells)),
        unstable=tuple(sorted(found.unstable, key=lambda each: each.cell)),
    )


def _counts_of_cells(axis: type[StrEnum], values: Iterable[frozenset[StrEnum]]) -> dict[str, int]:
    some = list(values)
    counts = _counts(axis, (next(iter(each)) for each in some if len(each) == 1))
    return {**counts, "attempts differ": sum(len(each) > 1 for each in some)}


def _counts(axis: type[StrEnum], values: Iterable[StrEnum]) -> dict[str, int]:
    found = Counter(values)
    return {value.value: found[value] for value in axis}
