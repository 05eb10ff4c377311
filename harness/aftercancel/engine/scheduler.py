"""How xdist deals cells: each worker gets its whole share at once, as one batch.

Other people's tests in the same session are handed out one by one to whoever has little left.
A worker that dies is replaced by xdist; the replacement takes over the rest of the share. No cell
is blamed for the first death of its worker, since cells do not run in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aftercancel.engine.items import NODE
from aftercancel.engine.shares import shares

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

    from aftercancel.model import Cell

_FEW = 2
"""xdist's worker starts an item only when it knows the next one."""


class BatchScheduling:
    """xdist's Scheduling protocol."""

    def __init__(self, workers: int, cells: dict[str, Cell]) -> None:
        self._workers = workers
        self._cells = {f"{NODE}::{name}": cell for name, cell in cells.items()}
        self._collections: dict[int, Sequence[str]] = {}
        self._pending: dict[WorkerController, list[int]] = {}
        self._ids: Sequence[str] | None = None
        self._unsent: dict[int, list[int]] = {}
        self._others: list[int] = []
        self._vacant: list[int] = []
        self._seats = 0
        self._deaths: Counter[int] = Counter()

    def seat(self, node: WorkerController, first: int | None) -> None:
        """Say to a worker that is about to start which share is its own."""
        self._seats += 1
        if first is not None:
            index = first
        else:
            # A number of its own, to which no share belongs, where nothing is left to take over.
            index = self._vacant.pop(0) if self._vacant else self._workers + self._seats
        node.workerinput["aftercancel_index"] = index
        if self._ids is not None:
            rest = [self._ids[position] for position in self._unsent.get(index, ())]
            node.workerinput["aftercancel_takeover"] = [
                name.removeprefix(f"{NODE}::") for name in rest if name in self._cells
            ]

    @property
    def nodes(self) -> list[WorkerController]:
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        if not self.collection_is_completed or self._unsent or self._others:
            return False
        return all(len(pending) < _FEW for pending in self._pending.values())

    @property
    def has_pending(self) -> bool:
        return bool(self._unsent or self._others or any(self._pending.values()))

    def add_node(self, node: WorkerController) -> None:
        self._pending[node] = []

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        self._collections[_index(node)] = collection

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        self._pending[node].remove(item_index)
        self._feed(node)

    def mark_test_pending(self, item: str) -> None:
        assert self._ids is not None
        self._others.insert(0, list(self._ids).index(item))
        for node in self._pending:
            self._feed(node)

    def remove_pending_tests_from_node(
        self, node: WorkerController, indices: Sequence[int]
    ) -> None:
        raise NotImplementedError

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker; its rest waits for the replacement. Returns the test to blame."""
        rest = self._pending.pop(node)
        index = _index(node)
        if self._ids is None:
            self._collections.pop(index, None)
            self._vacant.append(index)
            return None
        if not rest:
            return None
        first = rest[0]
        self._deaths[first] += 1
        to_blame = self._ids[first] not in self._cells or self._deaths[first] > 1
        if to_blame:
            rest = rest[1:]
        if rest:
            self._unsent[index] = rest
            self._vacant.append(index)
        return self._ids[first] if to_blame else None

    def schedule(self) -> None:
        if self._ids is None:
            self._deal()
        for node in self._pending:
            share = self._unsent.pop(_index(node), None)
            if share:
                self._pending[node].extend(share)
                node.send_runtest_some(share)
            self._feed(node)

    def _deal(self) -> None:
        self._ids = next(iter(self._collections.values()))
        if any(list(other) != list(self._ids) for other in self._collections.values()):
            raise RuntimeError("The workers have collected different tests; see `pytest -n 0`.")
        positions = [at for at, name in enumerate(self._ids) if name in self._cells]
        cells = [self._cells[self._ids[at]] for at in positions]
        dealt = shares(cells, self._workers)
        self._unsent = {
            index: [positions[at] for at in share] for index, share in enumerate(dealt) if share
        }
        ours = set(positions)
        self._others = [at for at in range(len(self._ids)) if at not in ours]

    def _feed(self, node: WorkerController) -> None:
        if node.shutting_down:
            return
        pending = self._pending[node]
        while self._others and len(pending) <= _FEW:
            position = self._others.pop(0)
            pending.append(position)
            node.send_runtest_some([position])
        if not self._others:
            node.shutdown()


def _index(node: WorkerController) -> int:
    index: int = node.workerinput["aftercancel_index"]
    return index
