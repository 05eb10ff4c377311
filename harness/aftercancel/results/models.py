"""The models of a run beside the real runners of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aftercancel.judge.models import Agreement, Agreements, Essence, essence, to_compare
from aftercancel.results.stored import JudgedLine, JudgedLines, StoredLines, side_by_side

_BATCH = 200
"""Lines that one process takes in one go."""


def compared(stored: StoredLines, judged: JudgedLines, processes: int = 1) -> tuple[Agreement, ...]:
    """Every model with every real one of its, of the cells that both were measured in.

    Only these are read again; a run without models costs nothing.
    """
    models, wanted = to_compare({line.cell for line in judged.lines.values()})
    lines = [line for line in judged.lines.values() if line.cell in wanted]
    batches = [lines[first : first + _BATCH] for first in range(0, len(lines), _BATCH)]
    found = Agreements()
    for model in models:
        found.know(model)
    for batch in side_by_side(partial(_essences, stored), batches, processes):
        for cell, behaviour in batch:
            found.put(cell, behaviour)
    return found.result()


def _essences(stored: StoredLines, lines: Sequence[JudgedLine]) -> list[tuple[str, Essence | None]]:
    return [(line.cell, essence(stored.observation(line.place), line.outcome)) for line in lines]
