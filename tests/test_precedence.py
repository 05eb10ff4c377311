"""Who may start his runner next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aftercancel.executor.precedence import Precedence


async def order(room: int, ahead: Sequence[float]) -> list[float]:
    """In which order they are within; all come while ``room`` others are."""
    gate, entered = Precedence(room), []
    leave = asyncio.Event()

    async def occupy() -> None:
        async with gate.turn(0.0):
            await leave.wait()

    async def come(ahead_s: float) -> None:
        async with gate.turn(ahead_s):
            entered.append(ahead_s)
            await asyncio.sleep(0)

    occupants = [asyncio.create_task(occupy()) for _ in range(room)]
    await asyncio.sleep(0)
    comers = [asyncio.create_task(come(each)) for each in ahead]
    await asyncio.sleep(0.01)
    assert entered == []
    leave.set()
    await asyncio.gather(*occupants, *comers)
    return entered


def test_who_has_most_ahead_of_him_goes_first() -> None:
    assert asyncio.run(order(1, [3.0, 20.0, 7.0])) == [20.0, 7.0, 3.0]


def test_among_equals_who_came_first() -> None:
    async def two() -> list[str]:
        gate, entered = Precedence(1), []

        async def come(name: str) -> None:
            async with gate.turn(1.0):
                entered.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(come("first"), come("second"), come("third"))
        return entered

    assert asyncio.run(two()) == ["first", "second", "third"]


def test_there_is_room_for_several() -> None:
    async def most() -> int:
        gate, within, seen = Precedence(2), 0, []

        async def come() -> None:
            nonlocal within
            async with gate.turn(1.0):
                within += 1
                seen.append(within)
                await asyncio.sleep(0.001)
                within -= 1

        await asyncio.gather(*(come() for _ in range(6)))
        return max(seen)

    assert asyncio.run(most()) == 2


def test_who_is_cancelled_while_he_waits_takes_no_room() -> None:
    async def afterwards() -> list[str]:
        gate, entered = Precedence(1), []

        async def come(name: str) -> None:
            async with gate.turn(1.0):
                entered.append(name)

        async with gate.turn(9.0):
            waiting = asyncio.create_task(come("cancelled"))
            await asyncio.sleep(0)
        # He has been let in now, and has not run since.
        waiting.cancel()
        await asyncio.wait({waiting})
        await asyncio.wait_for(come("next"), 1.0)
        return entered

    assert asyncio.run(afterwards()) == ["next"]
