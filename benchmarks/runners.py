"""The lines of cells before real runners: which of them bounds a run, however quick the lab is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftercancel.executor.standing_cells import INSTANCES
from aftercancel.model import Observation, Runner


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of one runner, which its instances serve one after another.

    What counts of a cell is its time from armed to decided: waits that the job, the runner's graces
    and the watching force. How long a runner takes to start, and until it has started a job, is
    left out, so a line needs more than this.
    """

    runner: str
    cells: int
    wait_s: float
    """Of all its cells together."""
    slowest: str
    """The id of the cell that waits longest."""
    slowest_s: float
    instances: int
    """How many serve it side by side."""

    @property
    def bound_s(self) -> float:
        """The line cannot be through earlier, however its cells are dealt out."""
        return max(self.wait_s / self.instances, self.slowest_s)


def lines(observations: Sequence[Observation], runners: Mapping[str, Runner]) -> list[Line]:
    """One for each runner and version, the longest first; ``runners``: of the catalogue, by id.

    Models, and the lab's own runners, have a sandbox for each cell: no cell waits for another.
    """
    waits: dict[str, dict[str, float]] = {}
    for seen in observations:
        if seen.armed_ms is not None and seen.decided_ms is not None:
            wait_s = (seen.decided_ms - seen.armed_ms) / 1000
            waits.setdefault(seen.cell.split("/")[3], {})[seen.cell] = wait_s
    made = []
    for name, of_cells in waits.items():
        row = runners[name.partition("@")[0]]
        slowest = max(of_cells, key=of_cells.__getitem__)
        made.append(
            Line(
                runner=name,
                cells=len(of_cells),
                wait_s=sum(of_cells.values()),
                slowest=slowest,
                slowest_s=of_cells[slowest],
                instances=min(row.instances, INSTANCES, len(of_cells))
                if row.real
                else len(of_cells),
            )
        )
    return sorted(made, key=lambda line: line.bound_s, reverse=True)
