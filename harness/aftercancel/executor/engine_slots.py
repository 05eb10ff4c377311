"""Slots for cells with a container engine of their own: as many as the machine has memory for."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable

from aftercancel.executor.equipment import Slot

_MOST = 24
"""They wait ten seconds for ``docker stop``, which costs nothing but memory."""
_MEMORY_OF_EACH = 128 << 20
"""Bytes: dockerd, containerd, a shim and a client, without what all of them share."""


class EngineSlots:
    """Made one by one, as they are needed; whoever finds none waits."""

    def __init__(self, make: Callable[[], Slot]) -> None:
        self._make = make
        self._free: list[Slot] = []
        self._places = asyncio.Semaphore(_as_many_as_fit())

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Slot]:
        """A slot that is nobody else's meanwhile."""
        async with self._places:
            slot = self._free.pop() if self._free else self._make()
            try:
                yield slot
            finally:
                self._free.append(slot)


def _as_many_as_fit() -> int:
    """Half of the memory that is free now may go to them (sysconf(3))."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(_MOST, free // 2 // _MEMORY_OF_EACH))
