"""When a cell is measured again: its evidence is not whole, by another's flood."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from aftercancel.executor.company import Company
from aftercancel.executor.equipment import Equipment
from aftercancel.executor.retry import until_whole
from aftercancel.executor.watcher import Clock
from aftercancel.model import Evidence, Observation, Trouble, TroubleKind

CELL = "exit-trap/dash/none/plain/TERM-group"
FINE, LATE, LOST, LOST_AND_LATE, BROKEN = "fine", "late", "lost", "lost and late", "broken"


class KeepsUp(Clock):
    """Whatever moment is asked for has been read."""

    async def reach(self, moment_ns: int) -> None:
        await asyncio.sleep(0)


def measured(*turns: str) -> tuple[int, Sequence[str]]:
    """How the cell goes each time; which time was kept, and how those went that were needed."""
    went: list[str] = []
    late: set[tuple[str, int]] = set()
    equipment = cast(
        "Equipment", SimpleNamespace(late=late, watcher=SimpleNamespace(clock=KeepsUp()))
    )

    async def measure() -> Observation:
        turn = turns[len(went)]
        went.append(turn)
        (late.add if LATE in turn else late.discard)((CELL, 1))
        trouble = None
        if LOST in turn:
            trouble = Trouble(TroubleKind.LOST_EVENTS, "lost")
        elif turn == BROKEN:
            trouble = Trouble(TroubleKind.RUNNER, "broken")
        return Observation(CELL, Evidence.TRACE, trouble=trouble, decided_ms=float(len(went)))

    seen: Any = asyncio.run(until_whole(measure, equipment, Company()))
    assert late == set()
    return int(seen.decided_ms), went


def test_what_is_whole_is_measured_once() -> None:
    assert measured(FINE, FINE) == (1, [FINE])


def test_who_came_late_is_measured_until_he_comes_in_time() -> None:
    assert measured(LATE, LATE, FINE, FINE) == (3, [LATE, LATE, FINE])


def test_who_is_always_late_is_kept_as_he_is_at_last() -> None:
    assert measured(*[LATE] * 9) == (4, [LATE] * 4)


def test_a_late_observation_is_better_than_none() -> None:
    assert measured(LATE, BROKEN, FINE) == (1, [LATE, BROKEN])


def test_what_was_late_and_lost_and_then_whole_is_whole() -> None:
    assert measured(LOST_AND_LATE, FINE, FINE) == (2, [LOST_AND_LATE, FINE])
