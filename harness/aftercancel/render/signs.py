"""The three signs of a cell. They differ without colour; colour only helps to find them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from aftercancel.model import CleanUp, Processes, Truth
from aftercancel.render.results import CellResult

Value = TypeVar("Value", bound=StrEnum)

MIXED = "~"
"""Attempts at one cell differ."""
NOT_RUN = "-"

GOOD, MILD, BAD, DIM = "green", "yellow", "bold red", "dim"


@dataclass(frozen=True, slots=True)
class Sign:
    """One character and what it says."""

    character: str
    meaning: str
    style: str


_PROCESSES = {
    Processes.GONE: Sign("✓", "gone: nothing of the job runs any more", GOOD),
    Processes.LATE: Sign("l", "late: gone only after the runner had reported the end", MILD),
    Processes.ORPHANED: Sign("O", "orphaned: still running", BAD),
    Processes.UNKNOWN: Sign("?", "could not tell", "magenta"),
}
_CLEAN_UP = {
    CleanUp.RAN: Sign("✓", "ran to its end", GOOD),
    CleanUp.CUT_OFF: Sign("c", "cut off: began and did not finish", MILD),
    CleanUp.SKIPPED: Sign("S", "skipped: never began", BAD),
    CleanUp.NONE_DECLARED: Sign("·", "the job has none", DIM),
    CleanUp.UNKNOWN: Sign("?", "could not tell", "magenta"),
}
_REPORT = {
    Truth.TRUTHFUL: Sign("✓", "truthful, and not before the last process was gone", GOOD),
    Truth.EARLY: Sign("e", "early: processes of the job were still there", MILD),
    Truth.WRONG: Sign("W", "wrong: said something that is not so", BAD),
    Truth.HUNG: Sign("H", "hung: never came", BAD),
    Truth.UNKNOWN: Sign("?", "could not tell", "magenta"),
}
_MIXED = Sign(MIXED, "attempts at this cell differ", "bold magenta")
_NOT_RUN = Sign(NOT_RUN, "not measured", "magenta")
_UNSTABLE = Sign(MIXED, "a fourth sign: equal outcomes by different behaviour", "bold magenta")

LEGEND = (
    ("1st: processes", tuple(_PROCESSES.values())),
    ("2nd: clean-up", tuple(_CLEAN_UP.values())),
    ("3rd: report", tuple(_REPORT.values())),
    ("any", (_MIXED, _NOT_RUN)),
)
"""What to print below a matrix."""


def signs(result: CellResult) -> tuple[Sign, ...]:
    """Three signs; a fourth where attempts behaved differently with one outcome."""
    if not result.outcomes:
        return (_NOT_RUN,) * 3
    three = (
        _one(_PROCESSES, result.processes),
        _one(_CLEAN_UP, result.cleanup),
        _one(_REPORT, result.report),
    )
    if result.missing:
        return (*three, _NOT_RUN)
    if result.unstable and _MIXED not in three:
        return (*three, _UNSTABLE)
    return three


def as_text(found: tuple[Sign, ...]) -> str:
    """The characters alone."""
    return "".join(sign.character for sign in found)


def _one(meanings: dict[Value, Sign], values: frozenset[Value]) -> Sign:
    return meanings[next(iter(values))] if len(values) == 1 else _MIXED
