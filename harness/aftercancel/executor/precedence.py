"""A semaphore that lets in first who has most ahead of him, not who came first."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator


class Precedence:
    """At most ``room`` are within at once."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def turn(self, ahead_s: float) -> AsyncIterator[None]:
        """``ahead_s``: how long he will need afterwards, as far as is known; the longest is next."""
        await self._enter(ahead_s)
        try:
            yield
        finally:
            self._room += 1
            self._let_in()

    async def _enter(self, ahead_s: float) -> None:
        entered = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-ahead_s, next(self._numbers), entered))
        self._let_in()
        try:
            await entered
        except asyncio.CancelledError:
            # He may have been let in already, and cancelled before he could notice.
            if entered.done() and not entered.cancelled():
                self._room += 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        while self._room and self._waiting:
            _, _, entered = heapq.heappop(self._waiting)
            if not entered.done():
                self._room -= 1
                entered.set_result(None)
