"""What commands print on stdout: the matrix, stories, JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import msgspec

from aftercancel import render
from aftercancel.model import Job, Observation
from aftercancel.results import RunFolder
from aftercancel.results.reports import Reports


def print_json(folder: RunFolder, reports: Reports) -> None:
    """A judged run as one JSON object."""
    record = reports.record
    _dump(
        {
            "dir": str(folder.path),
            "complete": record.complete if record else None,
            "why_not": record.why_not if record else None,
            "outcomes": reports.results.outcomes,
            "not_measured": reports.results.missing,
            "not_tried": reports.not_tried,
            "unstable": [each.cell for each in reports.results.stability if not each.stable],
            "unreadable_lines": [
                {"line": bad.number, "problem": bad.problem} for bad in reports.bad_lines
            ],
        }
    )


def print_matrix(folder: RunFolder, reports: Reports) -> None:
    """A judged run for people, and where it is stored."""
    render.terminal(reports.results)
    for bad in reports.bad_lines:
        click.echo(f"{folder.path / 'observations.jsonl'}: {bad}", err=True)
    record = reports.record
    if record is not None and not record.complete:
        click.echo(f"This run is incomplete. {record.why_not}")
    click.echo(f"Stored in {folder.path}")


def print_observation(observation: Observation, job: Job | None, *, as_json: bool) -> None:
    """One cell: its story, or its observation as it is stored, with what the story adds to it."""
    if as_json:
        found = render.told(observation, job)
        stored = msgspec.to_builtins(observation)
        _dump({**stored, "outcome": found.outcome, "relays": found.relays})
        return
    for line in render.story(observation, job):
        click.echo(line)


def print_objects(objects: Sequence[object]) -> None:
    _dump(objects)


def _dump(value: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(text, file=sys.stdout)
