"""``aftercancel claims`` and ``aftercancel questions``: what a stored run says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from aftercancel import catalog, render
from aftercancel.cli.printing import print_object, print_objects
from aftercancel.cli.stored import job_of
from aftercancel.cli.ticker import Ticker
from aftercancel.errors import ExitStatus, UsageError, did_you_mean
from aftercancel.judge.claims import Claim, Finding, Verdict
from aftercancel.render import claims as shown
from aftercancel.render import questions as answers
from aftercancel.results import RunFolder, attempt_key, claims
from aftercancel.results.answers import answered
from aftercancel.results.reports import JudgedRun, judged_run
from aftercancel.results.stored import all_processors

RUN = click.option(
    "--run",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Default: the newest run here.",
)


@click.command("claims")
@click.argument("name", metavar="[ID]", required=False)
@RUN
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every case.")
def claims_(name: str | None, folder: Path | None, as_json: bool) -> int:
    """Judge the claims over a stored run; with ID one of them, with its evidence.

    Nothing is run.
    """
    listed = claims.read()
    wanted = None if name is None else _claim(name, listed)
    with opened(folder) as (stored, run):
        findings = run.reports.findings
        say_notices(stored, run)
        if wanted is None:
            if as_json:
                print_objects([shown.as_data(*each) for each in findings])
            else:
                shown.terminal_table(findings)
            return _status(run, (finding for _, finding in findings))
        claim, finding = next(each for each in findings if each[0].id == wanted)
        if as_json:
            print_object(shown.as_data(claim, finding))
        else:
            for line in (*shown.claim_story(claim, finding, _Tales(run)), *_measuring(finding)):
                click.echo(line)
        return _status(run, [finding], one=True)


@click.command()
@RUN
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def questions(folder: Path | None, as_json: bool) -> int:
    """Answer the open questions of the gist from a stored run.

    Nothing is run. Each answer has its evidence, and a small script that shows it by hand.
    """
    with opened(folder) as (stored, run):
        say_notices(stored, run)
        found = answered(run)
        if as_json:
            print_objects(found)
        else:
            answers.terminal(found)
        return _status(run, (finding for _, finding in run.reports.findings))


@contextmanager
def opened(folder: Path | None) -> Iterator[tuple[RunFolder, JudgedRun]]:
    """A stored run, judged with its claims."""
    stored = RunFolder.open(folder)
    listed = claims.read()
    with (
        Ticker("judging") as ticker,
        judged_run(stored, stored.record(), listed, all_processors(), told=ticker) as run,
    ):
        yield stored, run


class _Tales:
    """The story of an attempt, as ``show`` tells it."""

    def __init__(self, run: JudgedRun) -> None:
        self._run = run

    def __call__(self, cell: str, attempt: int) -> tuple[str, ...]:
        observation = self._run.observation(attempt_key(cell, attempt))
        # A part of a case that was measured less often stands in with its first attempt.
        observation = observation or self._run.observation(cell)
        return () if observation is None else render.story(observation, job_of(observation))


def _claim(name: str, listed: dict[str, Claim] | object) -> str:
    assert isinstance(listed, dict)
    known = {each.lower(): each for each in listed}
    if name.lower() not in known:
        near = did_you_mean(name.upper(), listed)
        raise UsageError(
            f"There is no claim {name}. {near} `aftercancel claims` has all of them.".replace(
                "  ", " "
            )
        )
    return known[name.lower()]


def _measuring(finding: Finding) -> Iterator[str]:
    """The command that measures what is missing."""
    missing = set(finding.missing)
    slices = [each.id for each in catalog.load().slices.values() if missing & set(each.cells)]
    if slices:
        yield ""
        yield f"To measure what is missing: aftercancel run --slice {' --slice '.join(slices)}"


def say_notices(stored: RunFolder, run: JudgedRun) -> None:
    """Say on stderr what makes the run incomplete."""
    for notice in run.reports.notices:
        click.echo(f"{stored.path}: {notice}", err=True)


def _status(run: JudgedRun, findings: Iterable[Finding], *, one: bool = False) -> int:
    """A claim that nobody measured is no failure, unless it is the one that was asked for."""
    bad = {Verdict.COULD_NOT_TELL, *([Verdict.NOT_MEASURED] if one else [])}
    untold = any(finding.verdict in bad for finding in findings)
    fine = run.reports.complete and not untold
    return ExitStatus.FINE if fine else ExitStatus.COULD_NOT_TELL
