"""The same cell measured several times: is its behaviour one, or several?

Nothing is smoothed here. A cell with two fingerprints is unstable, however rare the second is,
and an attempt that could not be measured is counted as that and never as agreement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from aftercancel.judge.fingerprints import fingerprint
from aftercancel.judge.prints import Fingerprint, differences
from aftercancel.judge.words import listed
from aftercancel.model import Observation


@dataclass(frozen=True, slots=True)
class Variant:
    """One behaviour of a cell, and the attempts that showed it."""

    fingerprint: Fingerprint
    attempts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stability:
    """What repeats of one cell say together."""

    cell: str
    variants: tuple[Variant, ...]
    """The most frequent first."""
    unmeasured: tuple[int, ...] = ()
    """Attempts that could not be measured."""

    @property
    def measured(self) -> int:
        return sum(len(variant.attempts) for variant in self.variants)

    @property
    def stable(self) -> bool:
        """Whether nothing was seen to differ; says little about a cell measured only once."""
        return len(self.variants) < 2

    @property
    def distribution(self) -> str:
        """``4 of 6, 1 of 6; 1 not measured``."""
        total = self.measured + len(self.unmeasured)
        shares = ", ".join(f"{len(variant.attempts)} of {total}" for variant in self.variants)
        missing = f"{len(self.unmeasured)} not measured" if self.unmeasured else ""
        return "; ".join(part for part in (shares, missing) if part)

    @property
    def differing(self) -> tuple[str, ...]:
        """In what the behaviours differ, without how often each was seen: that is chance."""
        first, *others = sorted((v.fingerprint for v in self.variants), key=lambda each: each.text)
        found = (difference for other in others for difference in differences(first, other))
        return tuple(dict.fromkeys(found))

    @property
    def differences(self) -> tuple[str, ...]:
        """How each rarer behaviour differs from the most frequent one, in words."""
        return tuple(
            f"attempt {listed([str(n) for n in rare.attempts])}: {difference}"
            for rare in self.variants[1:]
            for difference in differences(self.variants[0].fingerprint, rare.fingerprint)
        )


@dataclass(slots=True)
class Repeats:
    """Takes observations one by one, in any order, and keeps only their fingerprints."""

    _by_cell: dict[str, dict[int, Fingerprint]] = field(default_factory=dict)

    def add(self, observation: Observation) -> Fingerprint:
        """Take one in; an attempt that was measured again replaces the one before."""
        found = fingerprint(observation)
        self.put(observation.cell, observation.attempt, found)
        return found

    def put(self, cell: str, attempt: int, found: Fingerprint) -> None:
        """Take in the fingerprint of an attempt that somebody has made already."""
        self._by_cell.setdefault(cell, {})[attempt] = found

    def stability(self) -> tuple[Stability, ...]:
        """Every cell, in the order in which they first came."""
        return tuple(_stability(cell, found) for cell, found in self._by_cell.items())


def stability(observations: Iterable[Observation]) -> tuple[Stability, ...]:
    """What the repeats among the observations say, a cell each."""
    repeats = Repeats()
    for observation in observations:
        repeats.add(observation)
    return repeats.stability()


def _stability(cell: str, found: dict[int, Fingerprint]) -> Stability:
    attempts: dict[Fingerprint, list[int]] = {}
    for attempt, seen in sorted(found.items()):
        if seen.measured:
            attempts.setdefault(seen, []).append(attempt)
    variants = [Variant(seen, tuple(numbers)) for seen, numbers in attempts.items()]
    variants.sort(key=lambda variant: (-len(variant.attempts), variant.fingerprint.text))
    unmeasured = tuple(n for n, seen in sorted(found.items()) if not seen.measured)
    return Stability(cell, tuple(variants), unmeasured)
