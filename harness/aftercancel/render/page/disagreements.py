"""Where do they disagree most: a job and a cancellation whose shells, launchers or runners differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aftercancel.judge.claims.words import MODELLED
from aftercancel.model import CleanUp, Processes, Truth
from aftercancel.render import labels
from aftercancel.render.results import CellResult
from aftercancel.render.rows import Words, words
from aftercancel.render.signs import Sign, signs

MOST = 10
_OF_ONE_AXIS = 5
"""Shells and launchers both matter: neither fills the list alone."""
_MOST_PARTS = 5
_AXES = ("shell", "launcher", "runner")

Signs = tuple[Sign, ...]
Member = tuple[Words, Signs]


@dataclass(frozen=True, slots=True)
class Part:
    """Those that behave alike."""

    label: str
    signs: Signs
    cells: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One entry of the matrix, along one axis; the other two are the same for all its cells."""

    job: str
    cancellation: str
    axis: str
    fixed: tuple[tuple[str, str], ...]
    """The other two axes with their words."""
    parts: tuple[Part, ...]
    """The most common behaviour first."""
    more: int
    """How many rarer behaviours there are."""
    bits: float
    """How far the cells are apart: the entropy of their outcomes."""


def disagreements(cells: Iterable[CellResult]) -> tuple[Disagreement, ...]:
    """The ten that are farthest apart, one for each job. What could not be told says nothing."""
    groups: dict[tuple[str, ...], list[Member]] = {}
    for result in cells:
        if _told(result):
            own, found = words(result.cell), signs(result)
            for axis in _AXES:
                # What a model does is no evidence of what runners do; it has a section of its own.
                if axis != "runner" or not own.runner.endswith(MODELLED):
                    groups.setdefault(_without(own, axis), []).append((own, found))
    scored = [
        (-bits, n, key, members)
        for n, (key, members) in enumerate(groups.items())
        if len(members) > 1 and (bits := _bits(members)) > 0
    ]
    scored.sort(key=lambda each: each[:2])
    return tuple(_chosen(scored))


def _chosen(
    scored: Sequence[tuple[float, int, tuple[str, ...], list[Member]]],
) -> Iterator[Disagreement]:
    """At most so many of one axis; of those that are left, any, until there are ten."""
    jobs: set[str] = set()
    by_axis: Counter[str] = Counter()
    later = []
    for each in scored:
        job, _, axis = each[2][:3]
        if job in jobs:
            continue
        if by_axis[axis] >= _OF_ONE_AXIS:
            later.append(each)
            continue
        if len(jobs) == MOST:
            return
        jobs.add(job)
        by_axis[axis] += 1
        yield _told_in_words(each[2], each[3], -each[0])
    for each in later:
        if len(jobs) == MOST:
            return
        if each[2][0] not in jobs:
            jobs.add(each[2][0])
            yield _told_in_words(each[2], each[3], -each[0])


def _told(result: CellResult) -> bool:
    return bool(result.outcomes) and not (
        result.missing
        or Processes.UNKNOWN in result.processes
        or CleanUp.UNKNOWN in result.cleanup
        or Truth.UNKNOWN in result.report
    )


def _without(own: Words, axis: str) -> tuple[str, ...]:
    others = [getattr(own, each) for each in _AXES if each != axis]
    return (own.job, own.cancellation, axis, *others)


def _bits(members: Sequence[Member]) -> float:
    counts = Counter(found for _, found in members)
    shares = [count / len(members) for count in counts.values()]
    return -sum(share * math.log2(share) for share in shares)


def _told_in_words(key: tuple[str, ...], members: Sequence[Member], bits: float) -> Disagreement:
    job, cancellation, axis, *others = key
    alike: dict[Signs, list[str]] = {}
    for own, found in members:
        alike.setdefault(found, []).append(getattr(own, axis))
    everyone = [getattr(own, axis) for own, _ in members]
    common_first = sorted(alike.items(), key=lambda item: -len(item[1]))
    parts = [Part(_label(axis, some, everyone), found, len(some)) for found, some in common_first]
    return Disagreement(
        job=job,
        cancellation=cancellation,
        axis=axis,
        fixed=tuple(zip((each for each in _AXES if each != axis), others, strict=True)),
        parts=tuple(parts[:_MOST_PARTS]),
        more=max(0, len(parts) - _MOST_PARTS),
        bits=bits,
    )


def _label(axis: str, some: Sequence[str], everyone: Sequence[str]) -> str:
    if axis == "shell":
        return _with_commas(labels.of_shells(some, everyone))
    if axis == "launcher":
        return _with_commas(labels.of_launchers(some, everyone))
    return ", ".join(some)


def _with_commas(label: str) -> str:
    """A label's names are words of their own here, in a line that may break anywhere."""
    if label.startswith("all but "):
        return "all but " + ", ".join(label.split()[2:])
    return label if label.startswith(("all ", "both ")) else ", ".join(label.split())
