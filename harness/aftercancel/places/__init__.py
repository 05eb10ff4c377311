"""Where cells run: on this machine in namespaces, or in a container image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, Self

from aftercancel.model import Cell, Observation

IN_FLIGHT = 56
"""How many cells run at once on one machine, dealt to its executors: what 400 MB hold on two
processors. With more than seven executors each still has eight."""


class Place(Protocol):
    """Somewhere that measures cells. Entering starts it; leaving removes all that it made."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def measure(self, cells: Iterable[Cell]) -> Iterator[Observation]:
        """Each cell's observation as soon as it is decided, in any order.

        Raises ``MissingError`` where the place cannot work at all, and ``CouldNotTell`` where its
        executor died on the way; what was yielded before stands.
        """
        ...

    def facts(self) -> Mapping[str, object]:
        """What the place says of itself: evidence, kernel, cells in flight."""
        ...


__all__ = ["IN_FLIGHT", "Place"]
