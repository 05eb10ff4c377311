"""A slice on this machine and in a container of an image with the same shells: the same behaviour."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import pytest

from aftercancel import catalog, programs
from aftercancel.judge.fingerprints import fingerprint
from aftercancel.judge.prints import Fingerprint
from aftercancel.model import Cell
from aftercancel.places import IN_FLIGHT, Place, in_image
from aftercancel.places.in_image import InImage
from aftercancel.places.this_machine import ThisMachine

SLICE = "traps"
AGAIN = 12
"""How often a cell that differs is measured anew, in both places."""

Behaviours = dict[str, set[Fingerprint]]


def behaviours(place: Place, cells: Iterable[Cell]) -> Behaviours:
    found: Behaviours = defaultdict(set)
    for observation in place.measure(cells):
        found[observation.cell].add(fingerprint(observation))
    return found


def repeated(cells: Sequence[Cell], names: Collection[str]) -> list[Cell]:
    return [
        dataclasses.replace(cell, attempt=number)
        for number in range(2, AGAIN + 2)
        for cell in cells
        if cell.id in names
    ]


def refuse_other_versions(there: InImage, cells: Sequence[Cell]) -> None:
    for shell in {cell.shell.family: cell.shell for cell in cells}.values():
        needed = programs.of_shell(shell)
        here, inside = programs.version(needed), there.programs.version(needed)
        if here != inside:
            pytest.skip(f"{shell.family} is {here} on this machine, and {inside} in the image")


@pytest.mark.timeout(600)
def test_a_whole_slice_behaves_in_a_container_as_on_this_machine(image: str) -> None:
    """Cell by cell. Where one differs it is a race, and both places show the same sides of it."""
    catalogue = catalog.load()
    cells = catalogue.cells((SLICE,))
    assert len(cells) > 100
    with (
        in_image.opened(image, catalogue, print) as there,
        there.place(IN_FLIGHT, None, None) as container,
        ThisMachine() as machine,
    ):
        refuse_other_versions(there, cells)
        inside, here = behaviours(container, cells), behaviours(machine, cells)
        assert set(inside) == set(here) == {cell.id for cell in cells}
        races = {name for name in inside if inside[name] != here[name]}
        again = repeated(cells, races)
        for found, place in ((inside, container), (here, machine)):
            for name, more in behaviours(place, again).items():
                found[name] |= more
    assert {name for name in races if not inside[name] & here[name]} == set()
    assert len(races) <= len(cells) // 20, races
