"""Cells are measured beside each other, until one of them must be measured by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aftercancel.executor import retry
from aftercancel.executor.company import Company
from aftercancel.executor.equipment import Equipment
from aftercancel.executor.watcher import Clock, ProcWatcher
from aftercancel.executor.zygote import Zygote
from aftercancel.model import Declared, Evidence, Observation, Trouble, TroubleKind

Story = list[str]


async def _turns(times: int = 5) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def _stay(
    company: Company, name: str, story: Story, leave: asyncio.Event, *, alone: bool
) -> None:
    async with company.alone() if alone else company.together():
        story.append(f"{name} in")
        await leave.wait()
        story.append(f"{name} out")


def told(tell: Callable[[Company, Story], Coroutine[Any, Any, None]]) -> Story:
    story: Story = []
    asyncio.run(tell(Company(), story))
    return story


def test_many_are_in_together() -> None:
    async def tell(company: Company, story: Story) -> None:
        leave = asyncio.Event()
        tasks = [
            asyncio.create_task(_stay(company, name, story, leave, alone=False)) for name in "ab"
        ]
        await _turns()
        leave.set()
        await asyncio.gather(*tasks)

    assert told(tell) == ["a in", "b in", "a out", "b out"]


def test_who_is_alone_waits_for_all_and_newcomers_wait_for_it() -> None:
    async def tell(company: Company, story: Story) -> None:
        first, second = asyncio.Event(), asyncio.Event()
        early = asyncio.create_task(_stay(company, "early", story, first, alone=False))
        await _turns()
        alone = asyncio.create_task(_stay(company, "alone", story, second, alone=True))
        await _turns()
        late = asyncio.create_task(_stay(company, "late", story, second, alone=False))
        await _turns()
        first.set()
        await _turns()
        second.set()
        await asyncio.gather(early, alone, late)

    assert told(tell) == ["early in", "early out", "alone in", "alone out", "late in", "late out"]


def test_one_that_gives_up_waiting_to_be_alone_holds_nobody_up() -> None:
    async def tell(company: Company, story: Story) -> None:
        leave, never = asyncio.Event(), asyncio.Event()
        early = asyncio.create_task(_stay(company, "early", story, leave, alone=False))
        await _turns()
        alone = asyncio.create_task(_stay(company, "alone", story, never, alone=True))
        await _turns()
        late = asyncio.create_task(_stay(company, "late", story, leave, alone=False))
        await _turns()
        alone.cancel()
        await _turns()
        leave.set()
        await asyncio.gather(early, late)

    assert told(tell) == ["early in", "late in", "early out", "late out"]


@pytest.mark.parametrize("alone", [False, True])
def test_one_that_fails_inside_leaves_all_the_same(alone: bool) -> None:
    async def tell(company: Company, story: Story) -> None:
        with pytest.raises(OSError, match="failed inside"):
            async with company.alone() if alone else company.together():
                raise OSError("failed inside")
        leave = asyncio.Event()
        leave.set()
        async with asyncio.timeout(5):
            await _stay(company, "next", story, leave, alone=True)

    assert told(tell) == ["next in", "next out"]


def equipment_with(watcher: ProcWatcher) -> Equipment:
    """Nothing of it is used but the watcher."""
    return Equipment(
        zygote=Zygote(0, None),  # type: ignore[arg-type]  # never spoken to
        watcher=watcher,
        marker=None,
        settle_s=1.0,
        arming=asyncio.Semaphore(),
        arming_standing=asyncio.Semaphore(),
        arming_engines=asyncio.Semaphore(),
        keys=str,
    )


LOST = Trouble(TroubleKind.LOST_EVENTS, "for this test")


def _observation(trouble: Trouble | None) -> Observation:
    return Observation(
        cell="no-trap/dash/none/plain/end",
        evidence=Evidence.TRACE,
        attempt=1,
        trouble=trouble,
        declared=Declared((), None, (), 0.0, rests=True),
    )


def observations(losses: dict[str, int]) -> tuple[list[Observation], list[tuple[str, int]]]:
    """What comes out when each cell loses events so often, and beside how many it was measured."""
    beside: list[tuple[str, int]] = []
    measuring = 0

    class Told:
        def __init__(self, name: str) -> None:
            self._name = name

        async def run(self) -> Observation:
            nonlocal measuring
            measuring += 1
            await _turns()
            beside.append((self._name, measuring - 1))
            await _turns(50 if self._name == "long" else 1)
            measuring -= 1
            losses[self._name] -= 1
            return _observation(LOST if losses[self._name] >= 0 else None)

    async def all_of_them() -> list[Observation]:
        watcher = ProcWatcher()
        equipment = equipment_with(watcher)
        watching = asyncio.create_task(watcher.watch())
        company = Company()
        cells = [Told(name) for name in losses]
        try:
            return await asyncio.gather(
                *(retry.until_nothing_is_lost(each.run, equipment, company) for each in cells)
            )
        finally:
            watching.cancel()

    return asyncio.run(all_of_them()), beside


def test_a_cell_that_lost_nothing_is_measured_once() -> None:
    seen, beside = observations({"a": 0, "b": 0})
    assert [o.trouble for o in seen] == [None, None]
    assert sorted(beside) == [("a", 1), ("b", 1)]


def test_a_cell_that_lost_events_is_measured_again_when_the_others_have_ended() -> None:
    seen, beside = observations({"a": 1, "long": 0})
    assert [o.trouble for o in seen] == [None, None]
    assert beside == [("a", 1), ("long", 1), ("a", 0)]


def test_a_cell_is_measured_again_only_when_the_trace_was_read_up_to_then() -> None:
    clock = Clock()
    began: list[int] = []

    async def measured() -> Observation:
        began.append(clock.up_to_ns)
        return _observation(LOST)

    async def one_cell() -> int:
        watcher = ProcWatcher()
        watcher.clock = clock
        equipment = equipment_with(watcher)
        measuring = asyncio.create_task(retry.until_nothing_is_lost(measured, equipment, Company()))
        await _turns(50)
        before_it_is_read = len(began)
        while not measuring.done():
            clock.turn(time.monotonic_ns())
            await _turns()
        return before_it_is_read

    assert asyncio.run(one_cell()) == 1
    assert began[0] == 0
    assert began == sorted(set(began))


def test_cells_that_go_on_losing_events_are_measured_one_by_one() -> None:
    seen, beside = observations({"a": 2, "b": 3})
    assert [o.trouble for o in seen] == [None, None]
    assert sorted(beside[:4]) == [("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert {others for _, others in beside[4:]} == {0}


def test_a_cell_that_loses_events_even_alone_is_said_to() -> None:
    seen, beside = observations({"a": 99})
    assert [o.trouble for o in seen] == [LOST]
    assert len(beside) == 4
