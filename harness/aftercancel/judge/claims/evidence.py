"""Which cases show best why a verdict is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from operator import ne

from aftercancel.judge.claims.deciding import Branch, Deciding
from aftercancel.judge.claims.findings import Judged
from aftercancel.judge.claims.statements import Holds
from aftercancel.judge.claims.words import words

MOST = 3
_MOST_PAIRS = 4000
"""Pairs are compared up to here; beyond, the first cases stand for the others."""
_USUAL = ("bash", "dash", "python3")
"""What most readers run, and can try by hand."""


def best(cases: Sequence[Judged], deciding: Deciding | None) -> tuple[int, ...]:
    """At most three cases, as positions: both answers side by side where there are both.

    Of two that differ in the answer, those that differ in least else; of equal ones the more
    usual shells, and the simpler words.
    """
    told = [n for n, case in enumerate(cases) if case.holds is not Holds.UNTOLD]
    told.sort(key=lambda n: _unusual(cases[n]))
    if not told:
        return tuple(range(min(MOST, len(cases))))
    chosen: list[int] = []
    if isinstance(deciding, Branch):
        chosen += _contrast(cases, told)
    while len(chosen) < min(MOST, len(told)):
        rest = [n for n in told if n not in chosen]
        # What is farthest from everything chosen says most that is new.
        chosen.append(max(rest, key=lambda n: _news(cases, n, chosen)))
    return tuple(chosen)


def _contrast(cases: Sequence[Judged], told: Sequence[int]) -> list[int]:
    """The pair of different answers that have most in common."""
    rank = {n: place for place, n in enumerate(told)}
    pairs = (
        (_distance(cases[a], cases[b]), rank[b], a, b)
        for a, b in _pairs(told)
        if cases[a].holds is not cases[b].holds
    )
    closest = min(pairs, default=None)
    if closest is None:
        first = told[0]
        other = next((n for n in told if cases[n].holds is not cases[first].holds), first)
        return list(dict.fromkeys((first, other)))
    pair = closest[2:]
    return sorted(pair, key=lambda n: list(Holds).index(cases[n].holds))


def _pairs(told: Sequence[int]) -> Iterator[tuple[int, int]]:
    for count, pair in enumerate(combinations(told, 2)):
        if count >= _MOST_PAIRS:
            return
        yield pair


def _news(cases: Sequence[Judged], n: int, chosen: Sequence[int]) -> tuple[int, int, int]:
    if not chosen:
        return (0, 0, -n)
    holds = {cases[m].holds for m in chosen}
    nearest = min(_distance(cases[n], cases[m]) for m in chosen)
    return (cases[n].holds not in holds, nearest, -n)


def _distance(one: Judged, other: Judged) -> int:
    """On how many axes they differ; all cases of a claim have the same ones."""
    return sum(map(ne, one.words.values(), other.words.values()))


def _unusual(case: Judged) -> tuple[int, int, str]:
    own = words(next(iter(case.cells.values())))
    rank = _USUAL.index(own.shell) if own.shell in _USUAL else len(_USUAL)
    return rank, len("".join(case.cells.values())), own.job
