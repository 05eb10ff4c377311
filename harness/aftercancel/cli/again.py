"""``aftercancel again``: one cell, now."""

from __future__ import annotations

from pathlib import Path

import click

from aftercancel import catalog, judge
from aftercancel.cli.interruption import Interruption
from aftercancel.cli.options import EVIDENCE, EVIDENCE_HELP, NEW_FOLDER, SECONDS
from aftercancel.cli.printing import print_observation
from aftercancel.cli.run import existing
from aftercancel.doctor import examine, require
from aftercancel.engine import place
from aftercancel.engine.batch import forgotten
from aftercancel.engine.session import Asked
from aftercancel.errors import ExitStatus
from aftercancel.model import Evidence
from aftercancel.programs import absent
from aftercancel.results import (
    Machine,
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
    "--runner", "runners", multiple=True, metavar="NAME=PATH", help="Where its real runner is."
)
@click.option("--settle", type=SECONDS, metavar="S", help="Watch it for so long at most.")
@click.option("--evidence", type=EVIDENCE, help=EVIDENCE_HELP)
@click.option("--out", type=NEW_FOLDER, help="Store the run in this new folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the observation.")
def again(  # noqa: PLR0913, PLR0917 each option is an argument
    cell: str,
    runners: tuple[str, ...],
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
    require(examine(catalogue, existing(out)), [wanted], absent([wanted], not_here))
    folder = RunFolder.create(out) if out is not None else None
    kind = Evidence(evidence) if evidence else None
    started = now()
    with Interruption(), place.this_machine(1, settle, kind) as opened:
        facts = dict(opened.facts())
        observation = next(iter(opened.measure([wanted])), None) or forgotten(wanted)
    if folder is not None:
        with folder.writer() as writer:
            writer.append(encode(observation))
        record = Record(
            machine=Machine.this(),
            started=started,
            ended=now(),
            arguments=("again", cell),
            shells=shell_versions([wanted.shell]),
            programs=program_versions([wanted.launcher]) | runner_versions([wanted.runner]),
            place=facts,
            settle_s=settle,
            evidence=evidence,
            cells=(wanted.id,),
            words=wording([wanted]),
        )
        make_reports(folder, record)
    outcome = judge.judged(observation)
    print_observation(observation, wanted.job, as_json=as_json)
    return ExitStatus.FINE if outcome.known else ExitStatus.COULD_NOT_TELL
