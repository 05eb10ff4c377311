"""Who measures what, and in which order: the same answer on every worker, without asking."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from aftercancel.model import Cell

_FIXED_S = 0.5
"""What every cell takes, however short: being made, being watched until it is at rest."""


def expected_wait_s(cell: Cell) -> float:
    """How long the cell will probably take; a guess that only decides the order."""
    return _FIXED_S + cell.cancellation.duration_s + cell.job.pause_s


def longest_first(cells: Sequence[Cell]) -> list[Cell]:
    """The order in which a batch starts: who waits longest starts first, else as given."""
    return sorted(cells, key=expected_wait_s, reverse=True)


def shares(cells: Sequence[Cell], count: int) -> list[list[int]]:
    """Deal the cells' positions to ``count`` workers, so that all have about as much to do.

    Each position is in exactly one share. A share is in the order in which its cells will probably
    be decided, because a worker reports in order: a failure is not kept back by a long wait.
    """
    waits = [expected_wait_s(cell) for cell in cells]
    order = sorted(range(len(cells)), key=lambda position: -waits[position])
    load = [(0.0, worker) for worker in range(count)]
    dealt: list[list[int]] = [[] for _ in range(count)]
    for position in order:
        wait, worker = heapq.heappop(load)
        dealt[worker].append(position)
        heapq.heappush(load, (wait + waits[position], worker))
    return [sorted(share, key=lambda position: (waits[position], position)) for share in dealt]
