"""The cells' side of one pytest process: what to measure, when, and where it is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aftercancel import judge
from aftercancel.absence import Absent
from aftercancel.engine.batch import Batch
from aftercancel.engine.items import CellItem
from aftercancel.engine.shares import longest_first, shares
from aftercancel.engine.worker import queued
from aftercancel.model import Cell, Evidence, Observation, Outcome
from aftercancel.results import LineWriter, RunFolder, encode, key

if TYPE_CHECKING:
    from aftercancel.catalog import Catalogue
    from aftercancel.places import Place
    from aftercancel.places.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of the plugin."""

    scenarios: Path | None
    """The folder with matrix.toml; None: the one that comes with the package."""
    slices: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Single cells by id, also outside the matrix; where there are any, nothing else is run."""
    repeat: int = 1
    runners: tuple[str, ...] = ()
    """Only cells of these real runners, each NAME, NAME=PATH or NAME=image:REFERENCE."""
    settle_s: float | None = None
    evidence: Evidence | None = None
    out: Path | None = None
    image: str | None = None
    """Run the cells in this image; None: the best place that this user can have."""

    def cells(self, catalogue: Catalogue) -> tuple[Cell, ...]:
        """Every attempt that is asked for; all first attempts come before all second ones."""
        once: Sequence[Cell]
        if self.named:
            once = [catalogue.cell(name) for name in dict.fromkeys(self.named)]
        else:
            once = self._of_slices(catalogue)
        again = range(2, self.repeat + 1)
        return (
            *once,
            *(dataclasses.replace(cell, attempt=number) for number in again for cell in once),
        )

    def resolved(self, catalogue: Catalogue) -> tuple[Catalogue, Mapping[str, str]]:
        """The catalogue with every real runner that is found, by its version; and who is not here.

        Only the kinds are looked for that the cells need which are asked for.
        """
        from aftercancel.runners import finding

        wanted = finding.Wanted.of(self.runners)
        finding.check(wanted, catalogue.runners)
        real = {name: runner for name, runner in catalogue.runners.items() if runner.real}
        if self.named:
            words = {each.rsplit("/", 2)[1].partition("@")[0] for each in self.named if "/" in each}
            used = [real[word] for word in words if word in real]
        else:
            used = [cell.runner for cell in self._of_slices(catalogue) if cell.runner.real]
        searches = finding.search({runner.adapter for runner in used}, wanted)
        found = finding.versions(catalogue.runners, searches)
        not_here = ((name, finding.not_here(each, searches)) for name, each in real.items())
        absent = {name: words for name, words in not_here if name not in found and words}
        return catalogue.with_runners(found), absent

    def _of_slices(self, catalogue: Catalogue) -> Sequence[Cell]:
        """Of the named runners, where there are any.

        A runner that no default slice has is named to be seen: where no slice is named, it is taken
        from those that have it.
        """
        cells = catalogue.cells(self.slices)
        names = {word.partition("=")[0] for word in self.runners}
        if not names:
            return cells
        missing = {name for name in names if not any(_is_of(cell, name) for cell in cells)}
        if missing and not self.slices:
            everything = catalogue.matrix.values()
            cells += tuple(c for c in everything if any(_is_of(c, name) for name in missing))
        return [cell for cell in cells if any(_is_of(cell, name) for name in names)]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a session has to do, and where."""

    catalogue: Catalogue
    cells: Sequence[Cell]
    where: Surroundings
    absent: Absent
    """What of the cells is not there."""


def _is_of(cell: Cell, runner: str) -> bool:
    known = cell.runner
    return runner in (known.id, known.id.partition("@")[0], known.adapter)


class CellSession:
    """The cells of one pytest process: the controller's own, or one xdist worker's share."""

    def __init__(
        self,
        config: pytest.Config,
        make_place: Callable[[], Place],
        folder: RunFolder | None,
        absent: Absent,
    ) -> None:
        self.batch = Batch(make_place)
        self.folder = folder
        self.absent = absent
        """Launchers and runners that are not here."""
        self.items: list[CellItem] = []
        self._config = config
        self._writer: LineWriter | None = None
        self._waiting: dict[str, CellItem] = {}

    def chosen(self, items: Sequence[pytest.Item]) -> None:
        """Take note of what is left after selection."""
        self.items = [item for item in items if isinstance(item, CellItem)]
        self._waiting = {item.name: item for item in self.items if item.not_here is None}

    def result(self, item: CellItem) -> tuple[Observation, Outcome]:
        """This item's observation, judged."""
        observation = self.batch.result(item.name)
        return observation, judge.judged(observation)

    def next_done(self, item: CellItem) -> CellItem:
        """The item to report now: whichever is measured first, not the one whose turn it is.

        So a failure shows (and ``-x`` stops) as soon as it is known.
        """
        if not self.batch.asked_for(item.name):
            self._start(self._share(item))
        return self._waiting.pop(self.batch.next_of(self._waiting.keys()))

    def still_to_come(self, nextitem: pytest.Item | None) -> pytest.Item | None:
        """Whose turn it is next, for pytest, which keeps set up what that one needs.

        Where that cell was reported already, one that was not stands for it: they share all their
        collectors, and pytest would never tear down a cell that it takes for its own successor.
        """
        if not isinstance(nextitem, CellItem) or nextitem.not_here is not None:
            return nextitem
        if nextitem.name in self._waiting:
            return nextitem
        return next(iter(self._waiting.values()), None)

    def wait_for(self, item: CellItem) -> None:
        """Wait until this item's observation is there (for a worker, which reports in order)."""
        if not self.batch.asked_for(item.name):
            self._start(self._share(item))
        self.batch.wait_for(item.name)

    def close(self) -> dict[str, object]:
        """End the place; returns what it said about itself."""
        facts = self.batch.facts
        self.batch.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        return facts

    def _start(self, share: Sequence[CellItem]) -> None:
        assert self.folder is not None
        share = [item for item in share if item.not_here is None]
        stored = self._stored({item.name for item in share})
        for observation in stored.values():
            self.batch.put(observation)
        self._writer = self._writer or self.folder.writer()
        cells = [item.cell for item in share if item.name not in stored]
        self.batch.measure(longest_first(cells), self._keep)

    def _keep(self, observation: Observation) -> None:
        assert self._writer is not None
        self._writer.append(encode(observation))

    def _stored(self, wanted: set[str]) -> dict[str, Observation]:
        """What a worker that died had measured already: it is not measured again."""
        assert self.folder is not None
        return {
            key(line): line
            for line in self.folder.observations()
            if isinstance(line, Observation) and key(line) in wanted
        }

    def _share(self, item: CellItem) -> list[CellItem]:
        """The cells to measure together with this one."""
        worker: dict[str, Any] | None = getattr(self._config, "workerinput", None)
        if worker is None:
            return self.items
        names = worker.get("aftercancel_takeover")
        if names is None and "aftercancel_index" in worker:
            dealt = shares([each.cell for each in self.items], worker["workercount"])
            names = [self.items[position].name for position in dealt[worker["aftercancel_index"]]]
        by_name = {each.name: each for each in self.items}
        mine = [by_name[name] for name in names or ()]
        if item in mine:
            return mine
        # Another scheduler than ours dealt: what it sent so far is all that can be known.
        sent = [each for each in queued(self._config, item) if isinstance(each, CellItem)]
        return [each for each in sent if not self.batch.asked_for(each.name)]
