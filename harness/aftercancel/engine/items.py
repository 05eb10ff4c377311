"""Cells as pytest items, and the one collector that they all belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from aftercancel.model import Cell, Observation, Outcome
from aftercancel.results.junit import axes
from aftercancel.results.lines import attempt_key

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from aftercancel.engine.session import CellSession

NODE = "aftercancel"
"""The node id of the collector; that of a cell is ``aftercancel::<cell>``."""


class NotMeasured(Exception):
    """A cell that could not be measured: the failure of its item."""

    def __init__(self, observation: Observation, outcome: Outcome, cell: Cell) -> None:
        super().__init__(outcome.reason)
        self.observation = observation
        self.outcome = outcome
        self.cell = cell

    def text(self) -> str:
        """Why, and the story as far as it goes; nothing about our own code."""
        from aftercancel.render import story

        lines = [f"Could not tell: {self.outcome.reason}", ""]
        return "\n".join([*lines, *story(self.observation, self.cell.job)])


class CellItem(pytest.Item):
    """One attempt at a cell."""

    cell: Cell
    cells: CellSession
    not_here: str | None
    """Why it is not even tried: what its launcher lacks, and how to get that."""

    @classmethod
    def of(cls, parent: pytest.Collector, cell: Cell, cells: CellSession) -> CellItem:
        item = cls.from_parent(parent, name=attempt_key(cell.id, cell.attempt))
        item.cell = cell
        item.cells = cells
        item.not_here = cells.absent.why(cell)
        return item

    def runtest(self) -> None:
        if self.not_here is not None:
            pytest.skip(self.not_here)
        observation, outcome = self.cells.result(self)
        self.user_properties.extend(axes(outcome))
        if not outcome.known:
            raise NotMeasured(observation, outcome, self.cell)

    def repr_failure(
        self,
        excinfo: ExceptionInfo[BaseException],
        style: None = None,  # type: ignore[override]
    ) -> str | TerminalRepr:
        if isinstance(excinfo.value, NotMeasured):
            return excinfo.value.text()
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, None, self.name


class CellCollector(pytest.Collector):
    """All selected cells, in the catalogue's order, attempt by attempt."""

    chosen: Sequence[Cell]
    cells: CellSession

    @classmethod
    def of(
        cls, parent: pytest.Collector, chosen: Sequence[Cell], cells: CellSession
    ) -> CellCollector:
        collector = cls.from_parent(parent, name=NODE, nodeid=NODE)
        collector.chosen = chosen
        collector.cells = cells
        return collector

    def collect(self) -> Iterator[CellItem]:
        for cell in self.chosen:
            yield CellItem.of(self, cell, self.cells)
