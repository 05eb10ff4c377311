"""``aftercancel again``: one cell, now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from aftercancel import catalog, judge
from aftercancel.absence import absent
from aftercancel.cli.interruption import Interruption
from aftercancel.cli.options import EVIDENCE, EVIDENCE_HELP, IMAGE_HELP, NEW_FOLDER, SECONDS
from aftercancel.cli.printing import print_observation
from aftercancel.cli.run import existing
from aftercancel.doctor import require
from aftercancel.engine import place
from aftercancel.engine.batch import forgotten
from aftercancel.engine.session import Asked
from aftercancel.errors import ExitStatus
from aftercancel.model import Cell, Evidence
from aftercancel.places import choice
from aftercancel.places.surroundings import Surroundings
from aftercancel.results import (
    Record,
    RunFolder,
    now,
    program_versions,
    runner_versions,
    shell_versions,
    wording,
)
from aftercancel.results.lines import encode
from aftercancel.results.reports import make_reports


@click.command()
@click.argument("cell", metavar="CELL")
@click.option(
    "--runner",
    "runners",
    multiple=True,
    metavar="NAME=PATH|NAME=image:REF",
    help="Where its real runner is.",
)
@click.option("--image", metavar="NAME", help=IMAGE_HELP)
@click.option("--settle", type=SECONDS, metavar="S", help="Watch it for so long at most.")
@click.option("--evidence", type=EVIDENCE, help=EVIDENCE_HELP)
@click.option("--out", type=NEW_FOLDER, help="Store the run in this new folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the observation.")
def again(  # noqa: PLR0913, PLR0917 each option is an argument
    cell: str,
    runners: tuple[str, ...],
    image: str | None,
    settle: float | None,
    evidence: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run one cell, and show it.

    Any combination that makes sense will do, also one that the matrix does not have. It is not
    stored unless a folder is named.
    """
    asked = Asked(scenarios=None, named=(cell,), runners=runners)
    catalogue, not_here = asked.resolved(catalog.load())
    wanted = catalogue.cell(cell)
    with choice.chosen(image, catalogue, place.tell) as where:
        missing = absent([wanted], where.without_real_runners(catalogue, not_here), where.programs)
        require(where.findings(catalogue, existing(out)), [wanted], missing)
        folder = RunFolder.create(out) if out is not None else None
        kind = Evidence(evidence) if evidence else None
        started = now()
        with Interruption(), where.place(1, settle, kind) as opened:
            facts = {**where.facts(), **opened.facts()}
            observation = next(iter(opened.measure([wanted])), None) or forgotten(wanted)
    if folder is not None:
        with folder.writer() as writer:
            writer.append(encode(observation))
        made = _record(wanted, where)
        make_reports(
            folder,
            replace(made, started=started, place=facts, settle_s=settle, evidence=evidence),
        )
    outcome = judge.judged(observation)
    print_observation(observation, wanted.job, as_json=as_json)
    return ExitStatus.FINE if outcome.known else ExitStatus.COULD_NOT_TELL


def _record(cell: Cell, where: Surroundings) -> Record:
    return Record(
        machine=where.machine(),
        started=now(),
        ended=now(),
        arguments=("again", cell.id),
        shells=shell_versions([cell.shell], where.programs),
        programs=program_versions([cell.launcher], where.programs) | runner_versions([cell.runner]),
        cells=(cell.id,),
        words=wording([cell]),
    )
