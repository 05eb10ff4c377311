"""``aftercancel report``: a stored run as a page, for people and for CI."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import click

from aftercancel.cli.claims import RUN, opened, say_notices
from aftercancel.cli.printing import json_bytes, judged_as_data
from aftercancel.cli.ticker import Ticker
from aftercancel.errors import ExitStatus, UsageError
from aftercancel.render import claims as shown
from aftercancel.render.digest import digest
from aftercancel.render.page import page
from aftercancel.results import RunFolder
from aftercancel.results.answers import answered, effects
from aftercancel.results.environment import environment
from aftercancel.results.folder import MEASURED
from aftercancel.results.page import page_data
from aftercancel.results.reports import JudgedRun, as_junit
from aftercancel.results.stored import all_processors

_PAGE = "report.html"
_MEGABYTE = 1_000_000


class Format(StrEnum):
    """What a report can be."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"
    JUNIT = "junit"


@click.command()
@RUN
@click.option(
    "--format",
    "kind",
    type=click.Choice([each.value for each in Format]),
    default=Format.HTML.value,
    show_default=True,
    help="md is for the summary of a CI job.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it there, - for stdout. Default: html as report.html into the run's folder, "
    "everything else to stdout.",
)
def report(folder: Path | None, kind: str, out: Path | None) -> int:
    """Make a report of a stored run: matrix, claims, open questions, every cell.

    Nothing is run. The HTML is one file that needs no network: open it from the disk, send it on.
    """
    wanted = Format(kind)
    with opened(folder) as (stored, run):
        say_notices(stored, run)
        pieces = _pieces(wanted, stored, run)
        if out is None and wanted is Format.HTML:
            out = stored.path / _PAGE
        if out is None or str(out) == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            size = _write(out, pieces)
            shown = f"{size / 1e6:.1f} MB" if size >= _MEGABYTE else f"{size / 1e3:.0f} kB"
            click.echo(f"{out}: {shown}")
        reports = run.reports
        fine = reports.results.outcomes and reports.complete and not reports.unknown
        return ExitStatus.FINE if fine else ExitStatus.COULD_NOT_TELL


def _write(out: Path, pieces: Iterable[bytes]) -> int:
    """Write a file whole or not at all, and nothing that was measured; returns its size in bytes."""
    out = out.resolve()
    if out.is_dir():
        raise UsageError(f"{out} is a folder. Name a file with --out.")
    if out.name in MEASURED:
        raise UsageError(
            f"{out.name} is a file of a run, and is never overwritten by a report. "
            "Name another file with --out."
        )
    if out.exists() and not out.is_file():
        # A device or a pipe: what is written goes through it, and it stays what it is.
        with out.open("wb") as file:
            return sum(file.write(piece) for piece in pieces)
    return RunFolder(out.parent).write_pieces(out.name, pieces)


def _pieces(wanted: Format, stored: RunFolder, run: JudgedRun) -> Iterator[bytes]:
    make: Callable[[], Iterable[str | bytes]]
    match wanted:
        case Format.HTML:
            make = lambda: _html(run)  # noqa: E731 one line for each format
        case Format.MARKDOWN:
            make = lambda: [markdown(run)]  # noqa: E731
        case Format.JSON:
            make = lambda: [json_bytes(as_data(stored, run))]  # noqa: E731
        case Format.JUNIT:
            make = lambda: [as_junit(run.reports)]  # noqa: E731
        case _:
            assert_never(wanted)
    for piece in make():
        yield piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace")


def _html(run: JudgedRun) -> Iterator[str]:
    with Ticker("rendering") as ticker:
        yield from page(page_data(run, answered(run), effects(run), all_processors(), ticker))


def markdown(run: JudgedRun) -> str:
    """The summary for CI."""
    reports = run.reports
    return digest(reports.results, reports.findings, answered(run), reports.notices)


def as_data(stored: RunFolder, run: JudgedRun) -> dict[str, object]:
    """Everything that a person reads, as data."""
    record = run.reports.record
    return {
        **judged_as_data(stored, run.reports),
        "environment": dict(environment(record)) if record is not None else None,
        "words": record.words if record is not None else None,
        "claims": [shown.as_data(*each) for each in run.reports.findings],
        "questions": answered(run),
        "effects": effects(run),
    }
