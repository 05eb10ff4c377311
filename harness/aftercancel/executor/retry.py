"""A cell is measured again where its evidence is not whole, which is the fault of another's flood."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from aftercancel.executor.company import Company
from aftercancel.executor.equipment import Equipment
from aftercancel.model import Observation, TroubleKind

_TRIES_ALONE_AFTER_A_LOSS = 2
_TRIES_AFTER_BEING_LATE = 3

Measured = Callable[[], Awaitable[Observation]]
"""Measures one cell, once each time it is called."""


async def until_whole(measured: Measured, equipment: Equipment, company: Company) -> Observation:
    """Measured until no event was lost and none came too late, within reason."""
    seen = await until_nothing_is_lost(measured, equipment, company)
    if (seen.cell, seen.attempt) in equipment.late:
        seen = await _until_in_time(seen, measured, equipment, company)
    return seen


async def until_nothing_is_lost(
    measured: Measured, equipment: Equipment, company: Company
) -> Observation:
    """Measured until no trace event was lost, within reason.

    What is lost is another cell's flood, most often. Nothing was measured then, so nothing is
    smoothed away by measuring again: once the flood is over; and then where no other cell of this
    executor can flood.
    """
    async with company.together():
        seen = await measured()
    if _lost(seen):
        async with company.alone():
            await _caught_up(equipment)
        async with company.together():
            seen = await measured()
    for _ in range(_TRIES_ALONE_AFTER_A_LOSS):
        if not _lost(seen):
            break
        async with company.alone():
            await _caught_up(equipment)
            seen = await measured()
    return seen


async def _until_in_time(
    seen: Observation, measured: Measured, equipment: Equipment, company: Company
) -> Observation:
    """Measured until its processes could be asked who they are, within reason.

    Another cell's flood had kept the events waiting. The late ones say what happened as well, but not
    of whom: some had ended before they were asked. So the last of them is kept, if none comes in time.
    """
    key = (seen.cell, seen.attempt)
    for _ in range(_TRIES_AFTER_BEING_LATE):
        await _caught_up(equipment)
        again = await until_nothing_is_lost(measured, equipment, company)
        if again.trouble is None or seen.trouble is not None:
            seen = again
        if key not in equipment.late:
            break
    equipment.late.discard(key)
    return seen


def _lost(seen: Observation) -> bool:
    return seen.trouble is not None and seen.trouble.kind is TroubleKind.LOST_EVENTS


async def _caught_up(equipment: Equipment) -> None:
    """Until nothing of the flood is in the trace's buffers any more."""
    await equipment.watcher.clock.reach(time.monotonic_ns())
