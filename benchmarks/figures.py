"""What a benchmark hands out: figures, each with its aim where it has one, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from tabulate import tabulate


class Verdict(StrEnum):
    """What a figure says about its aim."""

    PASS = "PASS"  # noqa: S105  # no password
    MISSED = "MISSED"
    NOT_MEASURED = "not measured"
    NO_AIM = ""


class Bound(StrEnum):
    """On which side of its limit an aim lies."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Aim:
    """What the lab wants to reach."""

    bound: Bound
    limit: float

    def reached(self, value: float) -> bool:
        match self.bound:
            case Bound.AT_MOST:
                return value <= self.limit
            case Bound.AT_LEAST:
                return value >= self.limit
            case _:
                assert_never(self.bound)

    def missed_by(self, value: float) -> float:
        """How far a value is from the limit, as a share of the limit; 0 where it is reached."""
        return 0.0 if self.reached(value) else abs(value - self.limit) / self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float | None
    """None: it could not be measured, and ``note`` says why."""
    unit: str
    aim: Aim | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return Verdict.NOT_MEASURED
        if self.aim is None:
            return Verdict.NO_AIM
        return Verdict.PASS if self.aim.reached(self.value) else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one benchmark."""

    name: str
    sentence: str
    figures: tuple[Figure, ...]


def not_measured(name: str, unit: str, why: str, aim: Aim | None = None) -> Figure:
    return Figure(name, None, unit, aim, why)


def table(sections: Sequence[Section]) -> str:
    """Every section with its sentence above it, readable without colour."""
    parts = []
    for section in sections:
        rows = [_row(figure) for figure in section.figures]
        body = tabulate(
            rows,
            headers=("", "measured", "aim", ""),
            tablefmt="simple",
            colalign=("left", "right", "right", "left"),
            disable_numparse=True,
        )
        notes = [f"  {f.name}: {f.note}" for f in section.figures if f.note]
        parts.append("\n".join([f"{section.name}: {section.sentence}", body, *notes]))
    return "\n\n".join(parts)


def _row(figure: Figure) -> tuple[str, str, str, str]:
    measured = "-" if figure.value is None else f"{_number(figure.value)} {figure.unit}".strip()
    aim, verdict = "", figure.verdict.value
    if figure.aim is not None:
        sign = "≤" if figure.aim.bound is Bound.AT_MOST else "≥"
        aim = f"{sign} {_number(figure.aim.limit)}"
        if figure.verdict is Verdict.MISSED and figure.value is not None:
            verdict += f" by {figure.aim.missed_by(figure.value):.0%}"
    return (figure.name, measured, aim, verdict)


def _number(value: float) -> str:
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
