"""Commands that look at a stored run: ``judge`` and ``show``."""

from __future__ import annotations

from pathlib import Path

import click

from aftercancel import catalog
from aftercancel import judge as judges
from aftercancel.cli.printing import print_json, print_matrix, print_observation
from aftercancel.cli.ticker import Ticker
from aftercancel.errors import (
    AftercancelError,
    ExitStatus,
    StorageError,
    UsageError,
    did_you_mean,
)
from aftercancel.model import Job, Observation
from aftercancel.results import RunFolder, claims, key
from aftercancel.results.lines import why
from aftercancel.results.reports import Reports, judged_run, write_reports
from aftercancel.results.stored import all_processors

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER, metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def judge(folder: Path | None, as_json: bool) -> int:
    """Judge a stored run again, with all claims, and write its reports anew.

    Nothing is run; the observations stay as they are. Without DIR it is the newest run here.
    """
    stored = RunFolder.open(folder)
    listed = claims.read()
    with (
        Ticker("judging") as ticker,
        judged_run(stored, stored.record(), listed, all_processors(), told=ticker) as run,
    ):
        reports = run.reports
    not_written = _write(stored, reports)
    if not reports.results.outcomes and not reports.bad_lines:
        click.echo(f"{stored.path} has no observation.", err=True)
    if as_json:
        print_json(stored, reports)
    else:
        print_matrix(stored, reports)
    if not_written is not None:
        raise not_written
    fine = reports.results.outcomes and reports.complete and not reports.unknown
    return ExitStatus.FINE if fine else ExitStatus.COULD_NOT_TELL


@click.command()
@click.argument("cell", metavar="CELL")
@click.option("--run", "folder", type=_FOLDER, metavar="DIR", help="Default: the newest run here.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the observation as it is stored, its outcome and its relays.",
)
def show(cell: str, folder: Path | None, as_json: bool) -> int:
    """Tell what happened in one cell: who was signalled by whom, and what it did.

    CELL is JOB/SHELL/LAUNCHER/RUNNER/CANCELLATION, for a later attempt with #2 and so on behind.
    """
    stored = RunFolder.open(folder)
    observation = stored.find(cell)
    if observation is None:
        raise _not_there(cell, stored)
    outcome = judges.judged(observation)
    print_observation(observation, job_of(observation), as_json=as_json)
    return ExitStatus.FINE if outcome.known else ExitStatus.COULD_NOT_TELL


def job_of(observation: Observation) -> Job | None:
    """The job as the catalogue has it now; a stored run can be older than the catalogue."""
    try:
        job: Job | None = catalog.load().jobs.get(observation.cell.split("/")[0])
    except AftercancelError:
        return None
    return job


def _write(stored: RunFolder, reports: Reports) -> StorageError | None:
    """Write the reports; a folder that lets nobody write can be looked at all the same."""
    try:
        write_reports(stored, reports)
    except StorageError as error:
        return StorageError(
            f"The reports of {stored.path} could not be written: {why(error)}. The observations "
            "are as they were. Make the folder writable, or judge a copy of it."
        )
    return None


def _not_there(cell: str, stored: RunFolder) -> UsageError:
    name, problem = cell.partition("#")[0], f"{cell} is not in this run ({stored.path})."
    try:
        catalog.load().cell(name)
    except UsageError as error:
        measured = [key(line) for line in stored.observations() if isinstance(line, Observation)]
        return UsageError(f"{problem} {did_you_mean(cell, measured) or error}")
    record = stored.record()
    for not_tried in record.not_tried if record is not None else ():
        if cell in not_tried.cells:
            return UsageError(f"{problem} It was not tried: {not_tried.why}")
    return UsageError(f"{problem} `aftercancel again {name}` runs it; --run DIR names another run.")
