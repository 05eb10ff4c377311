"""``aftercancel doctor``: what this machine can and cannot do for the lab."""

from __future__ import annotations

import click

from aftercancel import catalog
from aftercancel.cli.printing import print_objects
from aftercancel.doctor import Finding, Status, docker, examine
from aftercancel.errors import ExitStatus

_SIGN = {Status.CAN: "✓", Status.DEGRADED: "~", Status.CANNOT: "✗"}
_COLOUR = {Status.CAN: "green", Status.DEGRADED: "yellow", Status.CANNOT: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Say what this machine can and cannot do for the lab, why it matters, and how to get it."""
    findings = (*examine(catalog.load()), *docker.look())
    if as_json:
        print_objects(findings)
    else:
        _print(findings)
    cannot = any(finding.status is Status.CANNOT for finding in findings)
    return ExitStatus.MISSING if cannot else ExitStatus.FINE


def _print(findings: tuple[Finding, ...]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        sign = click.style(_SIGN[finding.status], fg=_COLOUR[finding.status])
        click.echo(f"{sign} {finding.name:<{width}}  {finding.status:<8}  {finding.detail}")
        if finding.status is not Status.CAN:
            click.echo(f"    Why it matters: {finding.why}")
            click.echo(f"    How to get it: {finding.remedy}")
