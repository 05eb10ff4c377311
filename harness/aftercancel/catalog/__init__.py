"""The catalogue: ``scenarios/`` read, checked as a whole, and made into cells.

Standard library only, and quick: every command loads it.
"""

from __future__ import annotations

from pathlib import Path

from aftercancel.catalog.catalogue import Catalogue, Slice, impossible
from aftercancel.catalog.jobs import read_jobs
from aftercancel.catalog.launchers import read_launchers
from aftercancel.catalog.matrix import read_slices
from aftercancel.catalog.source import Sources
from aftercancel.catalog.words import (
    read_cancellations,
    read_runners,
    read_shells,
)
from aftercancel.errors import MissingError, ScenarioError

__all__ = ["Catalogue", "Slice", "impossible", "load", "scenarios_root"]


def scenarios_root() -> Path:
    """The scenarios that belong to this package: inside an installed one, beside a checkout's."""
    package = Path(__file__).resolve().parent.parent
    candidates = (package / "scenarios", package.parent.parent / "scenarios")
    for candidate in candidates:
        if (candidate / "matrix.toml").is_file():
            return candidate
    raise MissingError(
        "The scenarios are missing, so there is nothing to run. They were looked for at "
        f"{candidates[0]} and {candidates[1]}. Install aftercancel again."
    )


def load(root: Path | None = None) -> Catalogue:
    """Read all scenario files; ScenarioError tells every mistake in them at once."""
    sources = Sources(scenarios_root() if root is None else root)
    shells = read_shells(sources)
    launchers = read_launchers(sources)
    runners = read_runners(sources)
    cancellations = read_cancellations(sources)
    words = Catalogue(
        shells=shells,
        jobs=read_jobs(sources, shells),
        launchers=launchers,
        runners=runners,
        cancellations=cancellations,
        slices={},
        matrix={},
    )
    catalogue = read_slices(sources, words)
    if sources.faults:
        raise ScenarioError(sources.faults)
    return catalogue
