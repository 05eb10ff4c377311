"""What decides: the axes on which the answers to a claim depend, as a tree of few words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aftercancel.judge.claims.statements import Holds

_PREFERRED = (
    "shell",
    "target",
    "signal",
    "cancellation",
    "job",
    "launcher",
    "flags",
    "runner",
    "version",
)
"""Which axis is named where several decide alike."""
_OF_A_RUNNER = ("shell", "flags", "version")
_NAMED = 8
"""As many values of one axis are named in a line; of more, the number."""
_NOTHING = {"flags": "no flags", "version": "no version"}

Told = tuple[Mapping[str, str], Holds]
"""The words of a case by axis, and its answer."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Values of an axis for which the same follows."""

    values: tuple[str, ...]
    then: Deciding
    cases: int


@dataclass(frozen=True, slots=True)
class Branch:
    """An axis on which the answer depends."""

    axis: str
    arms: tuple[Arm, ...]


Deciding: TypeAlias = Holds | Branch


def decide(cases: Sequence[Told]) -> Deciding:
    """The axes that tell the answers apart: the one that tells most first, and below it the rest.

    Every case is behind exactly one leaf, so nothing is averaged.
    """
    return _decide(cases, frozenset())


def _decide(cases: Sequence[Told], decided: frozenset[str]) -> Deciding:
    """``decided`` are the axes that were asked for above."""
    answers = {holds for _, holds in cases}
    if len(answers) == 1:
        return next(iter(answers))
    axes = [
        axis
        for axis in _axes(cases)
        if axis not in decided
        and len({words[axis] for words, _ in cases}) > 1
        and not (axis in _OF_A_RUNNER and "runner" not in decided and _told_by_runner(cases, axis))
    ]
    if not axes:
        return Holds.VARIES  # The same words, and different answers.
    best = min(axes, key=lambda axis: (round(_untold(cases, axis), 6), *_size(cases, axis)))
    by_value: dict[str, list[Told]] = {}
    for case in cases:
        by_value.setdefault(case[0][best], []).append(case)
    below = decided | {best}
    alike: dict[object, list[str]] = {}
    for value, group in by_value.items():
        alike.setdefault(_meaning(_decide(group, below)), []).append(value)
    arms = []
    for values in alike.values():
        together = [case for value in values for case in by_value[value]]
        # What each value decides is the same: decided once more, with the cases of all of them.
        arms.append(Arm(tuple(values), _decide(together, below), len(together)))
    order = list(Holds)
    arms.sort(key=lambda arm: (_rank(arm.then, order), -arm.cases, arm.values))
    return Branch(best, tuple(arms))


def _told_by_runner(cases: Sequence[Told], axis: str) -> bool:
    """Whether the value says no more than which runner it was, so that it decides nothing itself.

    One runner is tried under one shell, another under another; and a version is one of something.
    """
    by_runner: dict[str, set[str]] = {}
    for words, _ in cases:
        by_runner.setdefault(words.get("runner", ""), set()).add(words[axis])
    if len(by_runner) < 2:
        return False
    return axis == "version" or all(len(values) == 1 for values in by_runner.values())


def _meaning(deciding: Deciding) -> object:
    """The same for two that say the same, in whichever order and of however many cases."""
    if isinstance(deciding, Holds):
        return deciding
    arms = frozenset((frozenset(arm.values), _meaning(arm.then)) for arm in deciding.arms)
    return deciding.axis, arms


def _axes(cases: Sequence[Told]) -> list[str]:
    """Those on which cases can differ: signal and target where every cancellation has them."""
    aimed = all(words.get("signal") for words, _ in cases)
    left_out = {"cancellation"} if aimed else {"signal", "target"}
    return [axis for axis in _PREFERRED if axis in cases[0][0] and axis not in left_out]


def _untold(cases: Sequence[Told], axis: str) -> float:
    """What one still does not know of the answer once the value is known, in bits."""
    by_value: dict[str, Counter[Holds]] = {}
    for words, holds in cases:
        by_value.setdefault(words[axis], Counter())[holds] += 1
    return sum(
        -count / len(cases) * math.log2(count / counts.total())
        for counts in by_value.values()
        for count in counts.values()
    )


def _size(cases: Sequence[Told], axis: str) -> tuple[int, int]:
    return len({words[axis] for words, _ in cases}), _PREFERRED.index(axis)


def _rank(then: Deciding, order: Sequence[Holds]) -> int:
    return order.index(then) if isinstance(then, Holds) else len(order)


def in_words(deciding: Deciding) -> str:
    """One line: ``by shell: bash, ksh93: yes · dash, ash, yash: no``."""
    if isinstance(deciding, Holds):
        return deciding.value
    return f"by {deciding.axis}: {_arms(deciding)}"


def _arms(branch: Branch) -> str:
    return " · ".join(
        f"{values_in_words(branch.axis, arm.values)}: "
        + (arm.then.value if isinstance(arm.then, Holds) else f"({in_words(arm.then)})")
        for arm in branch.arms
    )


def values_in_words(axis: str, values: Sequence[str], most: int = _NAMED) -> str:
    """The values, ``no flags`` for an empty one; beyond ``most`` their number."""
    named = [value or _NOTHING.get(axis, "none") for value in values]
    if len(named) > most:
        return f"{', '.join(named[: most - 1])} and {len(named) - most + 1} more"
    return ", ".join(named)
