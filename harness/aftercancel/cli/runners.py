"""``aftercancel runners``: which real runners are here, and how each can be cancelled."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from aftercancel import catalog
from aftercancel.cli.printing import print_objects
from aftercancel.model import Action, Cancellation, Runner, Target
from aftercancel.runners import finding, registry
from aftercancel.runners.finding import Search, Wanted

_WIDTH = 100


@click.command()
@click.option(
    "--runner",
    "named",
    multiple=True,
    metavar="NAME[=PATH|=image:REF]",
    help="Only this one, from there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runners(named: tuple[str, ...], as_json: bool) -> int:
    """List real and modelled runners: found or not, how to get them, how they can be cancelled."""
    catalogue = catalog.load()
    wanted = Wanted.of(named)
    finding.check(wanted, catalogue.runners)
    names = {each.name for each in wanted.named}
    chosen = [
        each
        for each in catalogue.runners.values()
        if not each.own and (not names or names & {each.id, each.adapter})
    ]
    searches = finding.search({each.adapter for each in chosen if each.real}, wanted)
    rows = [_row(each, searches, catalogue.cancellations) for each in chosen]
    if as_json:
        print_objects(rows)
        return 0
    for row in rows:
        _print(row)
    here = sum(bool(row["found"]) for row in rows)
    real = sum(row["kind"] == "real" for row in rows)
    click.echo(
        f"{here} of {real} real runners are here. A path of your own: "
        "`aftercancel run --runner gitlab-runner=/usr/bin/gitlab-runner`; folders of several: "
        f"{finding.FOLDERS}."
    )
    return 0


def _row(
    runner: Runner, searches: Mapping[str, Search], cancellations: Mapping[str, Cancellation]
) -> dict[str, Any]:
    search = searches[runner.adapter] if runner.real else Search("")
    return {
        "id": runner.id,
        "sentence": runner.sentence,
        "kind": "real" if runner.real else "modelled",
        "modelled": not runner.real,
        "program": runner.adapter,
        "found": [{"version": f.version, "path": str(f.program)} for f in search.found],
        "problems": list(search.problems),
        "get": registry.kind(runner.adapter).get if runner.real else "",
        "follows": runner.follows,
        "cancellations": list(_cancellations(runner, cancellations)),
        "queue": runner.queue,
    }


def _cancellations(runner: Runner, all_of_them: Mapping[str, Cancellation]) -> Iterator[str]:
    """Those that are a runner's own: its ways, and signals to it or its server."""
    for name, cancellation in all_of_them.items():
        asked = {step.way for step in cancellation.steps if step.action is Action.ASK}
        aimed = {step.to for step in cancellation.steps if step.action is Action.SIGNAL}
        hits_it = Target.RUNNER in aimed or Target.SERVER in aimed
        possible = asked <= {*runner.ways} and not (
            (Target.RUNNER in aimed and not runner.signals)
            or (Target.SERVER in aimed and not runner.server)
        )
        if possible and (asked or hits_it):
            yield name


def _print(row: Mapping[str, Any]) -> None:
    click.secho(row["id"], bold=True, nl=False)
    click.echo(f"  {row['sentence']}")
    if row["kind"] == "modelled":
        _line("modelled after", row["follows"])
    elif row["found"]:
        for found in row["found"]:
            _line("found", f"{found['version']}, {found['path']}")
    else:
        _line("not found", row["get"], colour="yellow")
    for problem in row["problems"]:
        _line("refused", problem, colour="red")
    _line("cancellations", ", ".join(row["cancellations"]) or "none of its own")


def _line(what: str, words: str, colour: str | None = None) -> None:
    head = f"  {what}: "
    click.secho(
        # A path is to be copied: it is not broken at a hyphen either.
        textwrap.fill(
            head + words,
            _WIDTH,
            subsequent_indent=" " * 6,
            break_long_words=False,
            break_on_hyphens=False,
        ),
        fg=colour,
    )
