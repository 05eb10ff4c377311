"""What commands print on stdout: the matrix, stories, JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from aftercancel import render
from aftercancel.judge.claims.words import of_a_model
from aftercancel.model import Job, Observation
from aftercancel.render import models
from aftercancel.render.claims import numbers as claim_numbers
from aftercancel.results import RunFolder
from aftercancel.results.reports import Reports


def judged_as_data(folder: RunFolder, reports: Reports) -> dict[str, Any]:
    """A judged run as data, without the claims."""
    record = reports.record
    return {
        "dir": str(folder.path),
        "complete": record.complete if record else None,
        "why_not": record.why_not if record else None,
        "outcomes": reports.results.outcomes,
        "models": [models.as_data(each) for each in reports.results.models],
        "not_measured": reports.results.missing,
        "not_tried": reports.not_tried,
        "unstable": [each.cell for each in reports.results.stability if not each.stable],
        "unreadable_lines": [
            {"line": bad.number, "problem": bad.problem} for bad in reports.bad_lines
        ],
    }


def print_json(folder: RunFolder, reports: Reports) -> None:
    """A judged run as one JSON object."""
    verdicts = {finding.claim: finding.verdict for _, finding in reports.findings}
    in_a_model = [finding.claim for _, finding in reports.findings if finding.modelled]
    made = judged_as_data(folder, reports)
    print_object({**made, "claims": verdicts, "claims_in_a_model": in_a_model})


def print_matrix(folder: RunFolder, reports: Reports) -> None:
    """A judged run for people, and where it is stored."""
    render.terminal(reports.results)
    for bad in reports.bad_lines:
        click.echo(f"{folder.path / 'observations.jsonl'}: {bad}", err=True)
    if reports.findings:
        click.echo(f"{claim_numbers(reports.findings)} (`aftercancel claims` tells each)")
    record = reports.record
    if record is not None and not record.complete:
        click.echo(f"This run is incomplete. {record.why_not}")
    click.echo(f"Stored in {folder.path}")


def print_observation(observation: Observation, job: Job | None, *, as_json: bool) -> None:
    """One cell: its story, or its observation as it is stored, with what the story adds to it."""
    if as_json:
        found = render.told(observation, job)
        stored = msgspec.to_builtins(observation)
        made = {**stored, "outcome": found.outcome, "relays": found.relays}
        print_object({**made, "modelled": True} if of_a_model(observation.cell) else made)
        return
    for line in render.story(observation, job):
        click.echo(line)


def print_objects(objects: Sequence[object]) -> None:
    """Several things as a JSON list."""
    print_object(objects)


def print_object(value: object) -> None:
    """One thing as JSON."""
    click.echo(json_bytes(value).decode(), nl=False, file=sys.stdout)


def json_bytes(value: object) -> bytes:
    """JSON as every command prints it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
