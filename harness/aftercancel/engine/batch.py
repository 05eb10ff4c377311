"""A batch: many cells measured at once by one place, and people who wait for single ones.

One thread drives the place; it stores each observation the moment it arrives and only then shows
it to whoever waits. So what was measured is kept, whatever happens to the session in front.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aftercancel.errors import AftercancelError, CouldNotTell
from aftercancel.model import Cell, Evidence, Observation, Trouble, TroubleKind
from aftercancel.results.lines import key

if TYPE_CHECKING:
    from aftercancel.places import Place

Keep = Callable[[Observation], None]

_GOODBYE_S = 5.0
"""How long a place that was closed may take to let go of its thread."""


class Abandoned(Exception):
    """Nobody wants the rest of the batch any more."""


@dataclass(frozen=True, slots=True)
class _Order:
    """Cells to measure."""

    cells: Sequence[Cell]
    keep: Keep
    shown: bool
    """Whether the observations are for those who wait for one by its id."""


class Batch:
    """Measures what it is given, in the order of asking, and hands out the observations."""

    def __init__(self, make_place: Callable[[], Place]) -> None:
        self._make_place = make_place
        self._place: Place | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._queue: deque[_Order] = deque()
        self._asked: set[str] = set()
        self._done: dict[str, Observation] = {}
        self._fresh: deque[str] = deque()
        self._failure: BaseException | None = None
        self._closing = False
        self.facts: dict[str, object] = {}
        """What the place says about itself, as soon as it is open."""

    def open(self) -> Place:
        """Start the place, once; raises MissingError where the machine cannot."""
        if self._place is None:
            place = self._make_place()
            place.__enter__()
            self._place = place
            self.facts = dict(place.facts())
        return self._place

    def asked_for(self, name: str) -> bool:
        return name in self._asked

    def measure(self, cells: Sequence[Cell], keep: Keep) -> None:
        """Have these cells measured; returns at once. ``keep`` stores an observation."""
        with self._changed:
            self._asked.update(key(cell) for cell in cells)
        self._order(cells, keep, shown=True)

    def _order(self, cells: Sequence[Cell], keep: Keep, *, shown: bool) -> None:
        self.open()
        with self._changed:
            self._queue.append(_Order(cells, keep, shown))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="aftercancel-batch", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def measure_one(self, cell: Cell) -> Observation:
        """Have one cell measured, and wait for it; nothing is stored."""
        found: list[Observation] = []
        self._order([cell], found.append, shown=False)
        with self._changed:
            self._changed.wait_for(lambda: found or self._failure is not None)
        if not found:
            raise self._why()
        return found[0]

    def put(self, observation: Observation) -> None:
        """Hand in an observation that was measured before."""
        with self._changed:
            self._asked.add(key(observation))
            self._publish(observation)

    def wait_for(self, name: str) -> None:
        """Wait until one attempt's observation is there."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._done or self._failure is not None)
            if name not in self._done:
                raise self._why()

    def result(self, name: str) -> Observation:
        """Wait for one attempt's observation, and take it."""
        self.wait_for(name)
        with self._changed:
            return self._done.pop(name)

    def next_of(self, wanted: Collection[str]) -> str:
        """Wait until any of the wanted attempts has its observation, and say which."""
        with self._changed:
            while True:
                while self._fresh:
                    name = self._fresh.popleft()
                    if name in wanted:
                        return name
                if self._failure is not None:
                    raise self._why()
                self._changed.wait()

    def abandon(self) -> None:
        """Let go of whoever waits; ``close`` ends the measuring."""
        with self._changed:
            self._failure = self._failure or Abandoned()
            self._changed.notify_all()

    def close(self) -> None:
        """End the place, and with it everything that it is measuring."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._place is not None:
            self._place.__exit__(None, None, None)
        if self._thread is not None:
            self._thread.join(_GOODBYE_S)

    def _why(self) -> BaseException:
        assert self._failure is not None
        if isinstance(self._failure, AftercancelError | Abandoned):
            return self._failure
        problem = f"{type(self._failure).__name__}: {self._failure}"
        return CouldNotTell(f"The place stopped measuring. {problem}")

    def _work(self) -> None:
        try:
            while (order := self._next_order()) is not None:
                self._carry_out(order)
        except BaseException as failure:  # noqa: BLE001 whoever waits in front gets to hear it
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _next_order(self) -> _Order | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return None if self._closing else self._queue.popleft()

    def _carry_out(self, order: _Order) -> None:
        assert self._place is not None
        unanswered = {key(cell): cell for cell in order.cells}
        for observation in self._place.measure(order.cells):
            if unanswered.pop(key(observation), None) is not None:
                self._arrived(observation, order)
        if not self._closing:
            for cell in unanswered.values():
                self._arrived(forgotten(cell), order)

    def _arrived(self, observation: Observation, order: _Order) -> None:
        order.keep(observation)
        with self._changed:
            if order.shown:
                self._publish(observation)
            self._changed.notify_all()

    def _publish(self, observation: Observation) -> None:
        name = key(observation)
        self._done[name] = observation
        self._fresh.append(name)
        self._changed.notify_all()


def forgotten(cell: Cell) -> Observation:
    """What is known of a cell that the place was asked for and never answered: nothing."""
    words = "The place ended its work without a word about this cell."
    return Observation(
        cell=cell.id,
        attempt=cell.attempt,
        evidence=Evidence.PROC,
        trouble=Trouble(TroubleKind.EXECUTOR, words),
    )
