"""What a cell costs under one launcher, of the whole machine."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aftercancel.catalog import Catalogue
from aftercancel.errors import CouldNotTell
from aftercancel.model import Cell
from aftercancel.places.this_machine import ThisMachine
from aftercancel.programs import needed_by
from benchmarks import machine

_CELLS = 32
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one launcher; ``missing`` says what it lacks here, and then nothing was measured."""

    launcher: str
    cpu_ms: float
    missing: str = ""


def costs(catalogue: Catalogue, launchers: tuple[str, ...]) -> Iterator[Cost]:
    """The same job and cancellation under each, in turn; the median of some rounds."""
    cells = {name: catalogue.cell(f"no-trap/dash/{name}/plain/TERM-process") for name in launchers}
    missing = {
        name: ", ".join(each.command for each in needed_by([cell]) if each.path is None)
        for name, cell in cells.items()
    }
    found: dict[str, list[float]] = {name: [] for name in launchers}
    with ThisMachine() as place:
        for number in range(_ROUNDS + 1):
            for name, cell in cells.items():
                if missing[name]:
                    continue
                cpu_ms = _measured(place, cell)
                if number:  # the first makes keys, and reads programs from the disk
                    found[name].append(cpu_ms)
    for name in launchers:
        yield Cost(name, statistics.median(found[name] or [0.0]), missing[name])


def _measured(place: ThisMachine, cell: Cell) -> float:
    machine.rested()
    before = machine.look()
    seen = list(place.measure(replace(cell, attempt=n) for n in range(1, _CELLS + 1)))
    after = machine.look()
    words = [observation.trouble.words for observation in seen if observation.trouble]
    if words:
        raise CouldNotTell(f"{cell.id} could not be measured: {words[0]}")
    return machine.used_s(before, after) / len(seen) * 1000
