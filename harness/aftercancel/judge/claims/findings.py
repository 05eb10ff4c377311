"""What the judge says of one claim, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aftercancel.judge.claims.deciding import Deciding
from aftercancel.judge.claims.statements import Holds
from aftercancel.judge.claims.words import of_a_model


class Verdict(StrEnum):
    """What the observations say of a claim."""

    CONFIRMED = "confirmed"
    """It holds of every case that could be told."""
    REFUTED = "refuted"
    """It holds of none."""
    DEPENDS = "depends"
    """It holds of some: what decides is said."""
    COULD_NOT_TELL = "could not tell"
    NOT_MEASURED = "not measured"
    """No case of it was measured."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One case of a claim, answered."""

    cells: Mapping[str, str]
    """The cells that it rests on, by part."""
    words: Mapping[str, str]
    """What tells it from the other cases, by axis."""
    holds: Holds
    because: str
    attempts: tuple[int, ...]
    """Those on which the answer rests, the one that shows it first."""
    others: tuple[int, ...] = ()
    """Those that could not tell, where others could."""
    shown: tuple[int, ...] = ()
    """The attempts to look at: one for each answer that was given."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one claim."""

    claim: str
    verdict: Verdict
    deciding: Deciding | None
    """None: nothing could be told."""
    cases: tuple[Judged, ...]
    missing: tuple[str, ...] = ()
    """Cells of the catalogue that it needs, and that were not measured."""
    why_not: str = ""
    """Why it was not measured, or could not be told."""
    evidence: tuple[int, ...] = ()
    """The best cases, as positions in ``cases``."""

    @property
    def so_far(self) -> bool:
        """Whether cells are missing that could change the verdict."""
        return bool(self.missing) and self.deciding is not None

    @property
    def words(self) -> str:
        """The verdict as it is shown: ``confirmed``, or ``confirmed so far``; with what it rests
        on, where that is nothing but models of runners.
        """
        models = " in a model" if self.modelled else ""
        return f"{self.verdict.value}{models}{' so far' if self.so_far else ''}"

    @property
    def modelled(self) -> bool:
        """Whether every answer comes from a modelled runner."""
        told = [case for case in self.cases if case.holds is not Holds.UNTOLD]
        return bool(told) and all(of_a_model(c) for case in told for c in case.cells.values())

    def count(self, holds: Holds) -> int:
        """How many cases gave this answer."""
        return sum(case.holds is holds for case in self.cases)
