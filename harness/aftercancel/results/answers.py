"""The open questions, answered from a judged run, and the effects that answer one of them."""

from __future__ import annotations

from collections.abc import Iterator

from aftercancel import catalog
from aftercancel.catalog.questions import read_questions
from aftercancel.judge.effects import Compared, compare
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.judge.questions import Question
from aftercancel.judge.questions import answered as answered_from
from aftercancel.model import Observation
from aftercancel.results.reports import JudgedRun


def answered(run: JudgedRun) -> tuple[Question, ...]:
    """Every open question with the answer that the run's verdicts give."""
    claims = {claim.id: claim for claim, _ in run.reports.findings}
    findings = {finding.claim: finding for _, finding in run.reports.findings}
    listed = read_questions(catalog.scenarios_root() / "questions", claims)
    return answered_from(listed, claims, findings, effects(run))


def effects(run: JudgedRun) -> tuple[Compared, ...]:
    """The table of what a forced terminal does."""
    return compare(_of_effects(run), EFFECTS)


def _of_effects(run: JudgedRun) -> Iterator[Observation]:
    wanted = {cell for effect in EFFECTS for cell in effect.cells}
    for line in run.judged.lines.values():
        if line.cell in wanted:
            yield run.stored.observation(line.place)
