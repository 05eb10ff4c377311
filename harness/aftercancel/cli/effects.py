"""``aftercancel effects``: what a forced terminal does, read from a stored run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from aftercancel.cli.printing import print_objects
from aftercancel.errors import ExitStatus, UsageError
from aftercancel.judge.effects import SLICE, Compared, Difference, compare
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.model import Observation
from aftercancel.results import RunFolder
from aftercancel.results.folder import OBSERVATIONS

_TOLD = (Difference.DIFFERS, Difference.SAME)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def effects(folder: Path | None, as_json: bool) -> int:
    """Compare ssh with and without a forced terminal (-tt), effect by effect.

    Nothing is run: the answers are read from the observations of a stored run. Without DIR it is
    the newest run here.
    """
    stored = RunFolder.open(folder)
    table = compare(_observations(stored), EFFECTS)
    if not any(side.measured for row in table for side in (row.without, row.with_terminal)):
        raise UsageError(
            f"{stored.path} has no cell of the slice {SLICE}. "
            f"`aftercancel run --slice {SLICE}` measures them."
        )
    _print(table, as_json=as_json)
    told = all(row.difference in _TOLD for row in table)
    return ExitStatus.FINE if told else ExitStatus.COULD_NOT_TELL


def _observations(stored: RunFolder) -> Iterator[Observation]:
    """One at a time: a run can be large. What is no observation is said, and the others count."""
    for line in stored.observations():
        if isinstance(line, Observation):
            yield line
        else:
            click.echo(f"{stored.path / OBSERVATIONS}: {line}", err=True)


def _print(table: tuple[Compared, ...], *, as_json: bool) -> None:
    if as_json:
        print_objects(table)
        return
    # Rich and tabulate take longer to import than JSON takes to print.
    from aftercancel.render import effects as render

    render.terminal(table)
