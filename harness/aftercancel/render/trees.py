"""What decides a claim as a nested list: every value of every axis, none shortened."""

from __future__ import annotations

from collections.abc import Iterator

from aftercancel.judge.claims import Branch, Deciding
from aftercancel.judge.claims.deciding import values_in_words
from aftercancel.judge.words import visible


def nested(deciding: Deciding, depth: int = 0) -> Iterator[tuple[int, str]]:
    """Each line and how deep it lies: values of an axis, and below them what decides further."""
    if not isinstance(deciding, Branch):
        yield depth, deciding.value
        return
    if depth == 0:
        yield depth, f"by {deciding.axis}"
    for arm in deciding.arms:
        values = visible(values_in_words(deciding.axis, arm.values, most=len(arm.values)))
        number = "1 case" if arm.cases == 1 else f"{arm.cases} cases"
        if isinstance(arm.then, Branch):
            yield depth + 1, f"{values} ({number}), by {arm.then.axis}:"
            yield from nested(arm.then, depth + 1)
        else:
            yield depth + 1, f"{values}: {arm.then.value} ({number})"
