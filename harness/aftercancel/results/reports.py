"""What is made from the observations of a run: outcomes, verdicts on claims, matrix.md, junit.xml.

Everything here can be made again at any time, by a newer judge, from the lines that were stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from aftercancel import judge
from aftercancel.errors import ScenarioError
from aftercancel.judge.claims import Claim
from aftercancel.judge.models import Agreement
from aftercancel.model import Observation, Outcome
from aftercancel.render import Results, Section, markdown
from aftercancel.render.claims import as_data
from aftercancel.render.results import cell_of
from aftercancel.results import claims
from aftercancel.results import folder as names
from aftercancel.results.folder import OBSERVATIONS, RunFolder
from aftercancel.results.junit import junit
from aftercancel.results.lines import BadLine
from aftercancel.results.models import compared
from aftercancel.results.record import NotTried, Record
from aftercancel.results.stored import JudgedLines, StoredLines, Told, to_nobody

_NAMED = 5
"""Bad lines that are named; of more, the number."""


@dataclass(frozen=True, slots=True)
class Reports:
    """A judged run."""

    results: Results
    """Outcomes in the order in which the cells were selected, and what has none."""
    bad_lines: tuple[BadLine, ...]
    record: Record | None
    findings: claims.Findings = ()
    """The claims with their verdicts, where they were judged."""

    @property
    def unknown(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.results.outcomes if not outcome.known)

    @property
    def complete(self) -> bool:
        return not self.results.missing and not self.bad_lines

    @property
    def notices(self) -> tuple[str, ...]:
        """What makes the run incomplete, in sentences: every report begins with them."""
        found = []
        if self.record is not None and self.record.why_not:
            found.append(f"This run is incomplete. {self.record.why_not}")
        elif self.record is None:
            found.append("This run has no run.json: whether it is complete cannot be known.")
        found += [f"Of the stored observations, {bad}." for bad in self.bad_lines[:_NAMED]]
        if len(self.bad_lines) > _NAMED:
            found.append(f"{len(self.bad_lines) - _NAMED} more lines were not taken either.")
        return tuple(found)

    @property
    def not_tried(self) -> tuple[NotTried, ...]:
        return self.record.not_tried if self.record is not None else ()

    def sentence(self) -> str:
        """The run in one line."""
        parts = [f"{len(self.results.outcomes)} measured"]
        if self.unknown:
            parts.append(f"{len(self.unknown)} of them could not be told")
        if self.results.missing:
            parts.append(f"{len(self.results.missing)} not measured")
        if self.not_tried:
            parts.append(f"{sum(len(each.cells) for each in self.not_tried)} not tried")
        if self.bad_lines:
            lines = "line was" if len(self.bad_lines) == 1 else "lines were"
            parts.append(f"{len(self.bad_lines)} stored {lines} not taken")
        return "cells: " + ", ".join(parts)


def make_reports(folder: RunFolder, record: Record | None) -> Reports:
    """Judge the run and write everything that is made from it.

    Claims that cannot be read are no reason to lose the rest: the error comes when it is written.
    """
    try:
        listed = claims.read()
    except ScenarioError:
        write_reports(folder, judge_run(folder, record))
        raise
    with judged_run(folder, record, listed) as run:
        write_reports(folder, run.reports)
        return run.reports


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run that was judged, with its observations still at hand."""

    reports: Reports
    stored: StoredLines
    judged: JudgedLines

    def observation(self, attempt: str) -> Observation | None:
        """The observation of one attempt (``cell`` or ``cell#2``), if it is there."""
        line = self.judged.lines.get(attempt)
        return None if line is None else self.stored.observation(line.place)


@contextlib.contextmanager
def judged_run(  # noqa: PLR0913 how it is done is named, each part of it
    folder: RunFolder,
    record: Record | None,
    listed: Mapping[str, Claim],
    processes: int = 1,
    *,
    prints: bool = False,
    told: Told = to_nobody,
) -> Iterator[JudgedRun]:
    """Judge every stored observation, and the claims over them. Nothing is written.

    Fingerprints are made where cells were measured repeatedly, or with ``prints``. ``told`` is
    called with the share of the lines that are judged.
    """
    with StoredLines(folder.stored) as stored:
        judged = _judged(stored, record, processes, prints=prints, told=told)
        # What could not be launched here is told apart: no run on this machine can have it.
        not_tried = {cell_of(n) for each in record.not_tried for n in each.cells} if record else ()
        wanted = [cell for cell in claims.catalogued() if cell not in not_tried]
        findings = claims.judge_claims(listed, stored, judged, wanted, processes)
        reports = judge_lines(judged, record, compared(stored, judged, processes))
        reports = dataclasses.replace(reports, findings=findings)
        yield JudgedRun(reports, stored, judged)


def judge_run(folder: RunFolder, record: Record | None) -> Reports:
    """Judge every stored observation, without the claims. Nothing is written."""
    with StoredLines(folder.stored) as stored:
        judged = _judged(stored, record)
        return judge_lines(judged, record, compared(stored, judged))


def _judged(
    stored: StoredLines,
    record: Record | None,
    processes: int = 1,
    *,
    prints: bool = False,
    told: Told = to_nobody,
) -> JudgedLines:
    """With fingerprints where cells were measured repeatedly, whatever the record says of that."""
    prints = prints or (record is not None and record.repeat > 1)
    judged = stored.judged(prints=prints, processes=processes, told=told)
    if prints or all(line.attempt == 1 for line in judged.lines.values()):
        return judged
    return stored.judged(prints=True, processes=processes, told=told)


def judge_lines(
    judged: JudgedLines, record: Record | None, models: tuple[Agreement, ...] = ()
) -> Reports:
    """What the judged lines say together, and what is missing among them."""
    outcomes = {name: line.outcome for name, line in judged.lines.items()}
    repeats = judge.Repeats()
    for line in judged.lines.values():
        if line.behaviour:
            repeats.put(line.cell, line.attempt, judged.prints[line.behaviour])
    selected = record.cells if record is not None else ()
    slices = record.slices if record is not None else ()
    results = Results(
        outcomes=tuple(_in_order(outcomes, selected)),
        sections=tuple(Section(each.id, each.cells, each.sentence) for each in slices),
        missing=tuple(name for name in selected if name not in outcomes),
        stability=tuple(each for each in repeats.stability() if each.measured > 1),
        unavailable=tuple(_in_words(record.not_tried)) if record is not None else (),
        models=models,
    )
    reports = Reports(results, judged.bad, record)
    if record is None:
        return reports
    return dataclasses.replace(reports, record=_closed(record, reports))


def write_reports(folder: RunFolder, reports: Reports) -> None:
    """Write everything that is made from a judged run; StorageError where that is not possible."""
    record = reports.record
    if record is not None:
        folder.write_record(record)
    encoder = msgspec.json.Encoder()
    folder.write(
        names.OUTCOMES, b"".join(encoder.encode(o) + b"\n" for o in reports.results.outcomes)
    )
    if reports.findings:
        lines = (encoder.encode(as_data(*each)) + b"\n" for each in reports.findings)
        folder.write(names.CLAIMS, b"".join(lines))
    folder.write(names.MATRIX, markdown(reports.results, notices=reports.notices).encode())
    folder.write(names.JUNIT, as_junit(reports))


def as_junit(reports: Reports) -> bytes:
    """The run as test cases."""
    results = reports.results
    return junit(
        results.outcomes,
        results.missing,
        reports.record,
        [f"{OBSERVATIONS}: {bad}" for bad in reports.bad_lines],
        results.models,
    )


def _in_words(not_tried: Sequence[NotTried]) -> Iterator[tuple[str, str]]:
    """What was not tried, and why: those that lack the same thing together."""
    by_reason: dict[str, list[NotTried]] = {}
    for each in not_tried:
        by_reason.setdefault(each.why, []).append(each)
    for why, some in by_reason.items():
        count = len({cell_of(name) for each in some for name in each.cells})
        cells = "1 cell" if count == 1 else f"{count} cells"
        yield ", ".join(each.launcher for each in some), f"{cells}: {why}"


def _closed(record: Record, reports: Reports) -> Record:
    """The record with the verdict on the run itself: complete, or why not."""
    if reports.complete:
        return dataclasses.replace(record, complete=True, why_not=None)
    why = record.why_not or reports.sentence().capitalize() + "."
    return dataclasses.replace(record, complete=False, why_not=why)


def _in_order(outcomes: dict[str, Outcome], selected: tuple[str, ...]) -> Iterator[Outcome]:
    for name in selected:
        if name in outcomes:
            yield outcomes[name]
    known = set(selected)
    for name, outcome in outcomes.items():
        if name not in known:
            yield outcome
