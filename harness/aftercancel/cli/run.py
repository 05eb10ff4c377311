"""``aftercancel run``: the plugin behind pytest, with our own progress in front."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from aftercancel import catalog
from aftercancel.absence import absent
from aftercancel.cli.interruption import Interruption
from aftercancel.cli.options import EVIDENCE, EVIDENCE_HELP, IMAGE_HELP, NEW_FOLDER, SECONDS
from aftercancel.cli.printing import print_json, print_matrix
from aftercancel.cli.progress import Progress, console
from aftercancel.cli.selection import nothing_selected, select
from aftercancel.doctor import require
from aftercancel.engine import place
from aftercancel.engine.session import Asked
from aftercancel.errors import CouldNotTell, ExitStatus
from aftercancel.model import Cell, Evidence
from aftercancel.places import IN_FLIGHT, choice
from aftercancel.places.surroundings import Surroundings
from aftercancel.results import OBSERVATIONS, RunFolder, attempt_key, claims

if TYPE_CHECKING:
    from aftercancel.catalog import Catalogue
    from aftercancel.engine.controller import Controller


_MOST_WORKERS = 64
"""Cells mostly wait: long before that many, further processes only cost memory."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What to hand to pytest."""

    asked: Asked
    expression: str | None
    workers: int

    def arguments(self) -> list[str]:
        """A pytest of our own: no configuration, conftest or plugin of the folder we stand in."""
        root = catalog.scenarios_root()
        asked = self.asked
        words = [
            *("-c", os.devnull, "--rootdir", str(root), "--confcutdir", str(root), "--noconftest"),
            *("--disable-plugin-autoload", "-p", "aftercancel.plugin"),
            *("-p", "no:cacheprovider", "-p", "no:warnings", "--capture=no"),
            *("--aftercancel-repeat", str(asked.repeat)),
        ]
        for name in asked.slices:
            words += ["--aftercancel-slice", name]
        for name in asked.runners:
            words += ["--aftercancel-runner", name]
        if asked.settle_s is not None:
            words += ["--aftercancel-settle", str(asked.settle_s)]
        if asked.evidence is not None:
            words += ["--aftercancel-evidence", asked.evidence.value]
        if self.expression:
            words += ["-k", self.expression]
        if self.workers:
            words += ["-p", "xdist.plugin", "-n", str(self.workers)]
        return [*words, str(root / "matrix.toml")]


class _InFront:
    """Takes the place of pytest's own terminal output."""

    def __init__(self, folder: RunFolder, where: Surroundings, progress: Progress) -> None:
        self._folder = folder
        self._where = where
        self._progress = progress
        self.controller: Controller | None = None

    @pytest.hookimpl
    def pytest_aftercancel_surroundings(self) -> Surroundings:
        return self._where

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            config.pluginmanager.unregister(terminal)
        controller: Controller | None = config.pluginmanager.get_plugin("aftercancel-controller")
        assert controller is not None
        controller.folder = self._folder
        self.controller = controller
        self._progress.watch(self._folder.path / OBSERVATIONS)


@click.command()
@click.option("-k", "expression", metavar="EXPR", help="Only cells whose id matches, as in pytest.")
@click.option(
    "-n", "workers", type=click.IntRange(0), default=0, help="Worker processes, at most one a cell."
)
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="NAME",
    help="Only this slice; default: all that are measured when none is named.",
)
@click.option(
    "--runner",
    "runners",
    multiple=True,
    metavar="NAME[=PATH|=image:REF]",
    help="Only this real runner.",
)
@click.option("--image", metavar="NAME", help=IMAGE_HELP)
@click.option("--out", type=NEW_FOLDER, help="A new folder for the results.")
@click.option("--repeat", type=click.IntRange(1), default=1, help="Measure each cell so often.")
@click.option("--settle", type=SECONDS, metavar="S", help="Watch a cell for so long at most.")
@click.option("--evidence", type=EVIDENCE, help=EVIDENCE_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def run(  # noqa: PLR0913, PLR0917 each option is an argument
    expression: str | None,
    workers: int,
    slices: tuple[str, ...],
    runners: tuple[str, ...],
    image: str | None,
    out: Path | None,
    repeat: int,
    settle: float | None,
    evidence: str | None,
    as_json: bool,
) -> int:
    """Run the cells of the matrix, then print it.

    Everything is stored in a folder of its own, each observation as its cell ends: a run that is
    stopped keeps what it has measured.
    """
    asked = Asked(
        scenarios=None,
        slices=slices,
        runners=runners,
        repeat=repeat,
        settle_s=settle,
        evidence=Evidence(evidence) if evidence else None,
        image=image,
    )
    catalogue, not_here = asked.resolved(catalog.load())
    claims.read()  # A mistake in them is told before anything is measured.
    cells = _selected(asked, expression, catalogue)
    # Before anything is made: what the machine lacks.
    with choice.chosen(image, catalogue, place.tell) as where:
        missing = absent(cells, where.without_real_runners(catalogue, not_here), where.programs)
        require(where.findings(catalogue, existing(out)), cells, missing)
        folder = RunFolder.create(out)
        count = len(missing.without(cells))
        wanted = _Wanted(asked, expression, min(workers, count, _MOST_WORKERS))
        controller, interruption = _measure(wanted, folder, where, count)
    return _conclude(controller, interruption, folder, as_json)


def existing(path: Path | None) -> Path | None:
    """The folder itself, or the nearest one above it that is there."""
    return path and next(each for each in (path, *path.absolute().parents) if each.is_dir())


def _selected(asked: Asked, expression: str | None, catalogue: Catalogue) -> list[Cell]:
    """The cells that pytest will select; none is an error, before anything is started."""
    cells = asked.cells(catalogue)
    chosen = select(expression, cells, lambda cell: attempt_key(cell.id, cell.attempt))
    if not chosen:
        words = {word for cell in cells for word in cell.id.split("/")}
        raise nothing_selected(expression or "", "cell", sorted(words))
    return chosen


def _measure(
    wanted: _Wanted, folder: RunFolder, where: Surroundings, count: int
) -> tuple[Controller | None, Interruption]:
    screen = console()
    progress = Progress(screen, count, IN_FLIGHT)
    in_front = _InFront(folder, where, progress)
    with Interruption() as interruption:
        try:
            with progress, _own_pytest():
                pytest.main(wanted.arguments(), plugins=[in_front])
        except KeyboardInterrupt:
            pass  # It came before or after the session; what there is, is stored.
        interruption.finishing()
    return in_front.controller, interruption


def _conclude(
    controller: Controller | None, interruption: Interruption, folder: RunFolder, as_json: bool
) -> int:
    reports = controller.reports if controller is not None else None
    error = controller.error if controller is not None else None
    if reports is not None:
        with contextlib.suppress(BrokenPipeError, OSError):
            if as_json:
                print_json(folder, reports)
            else:
                print_matrix(folder, reports)
    if error is not None:
        raise error
    if reports is None:
        why = f"It was stopped by {interruption.by}" if interruption.by else "pytest did not start"
        raise CouldNotTell(f"{why} before the run could be judged; it is stored in {folder.path}.")
    fine = reports.complete and not reports.unknown and interruption.by is None
    return ExitStatus.FINE if fine else ExitStatus.COULD_NOT_TELL


@contextlib.contextmanager
def _own_pytest() -> Iterator[None]:
    """Without options that the environment has for other people's pytest."""
    before = os.environ.pop("PYTEST_ADDOPTS", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["PYTEST_ADDOPTS"] = before
