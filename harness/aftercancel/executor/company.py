"""Which cells are measured beside others, and which by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Company:
    """A lock with two ways in; whoever waits to be alone is let in before newcomers."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._together = 0
        self._waiting = 0
        self._alone = False

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Beside any number of others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and self._waiting == 0)
            self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            await self._tell()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Beside nobody: all who came before have left."""
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._alone and self._together == 0)
                self._alone = True
        finally:
            self._waiting -= 1
            await self._tell()
        try:
            yield
        finally:
            self._alone = False
            await self._tell()

    async def _tell(self) -> None:
        # Never waits, so it cannot be cancelled: nobody sleeps while holding the lock.
        async with self._changed:
            self._changed.notify_all()
