"""Open questions, answered in words that are made from the verdicts of claims.

No sentence here states a result: each is put together from findings, and other findings make
other sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aftercancel.catalog.questions import Asked
from aftercancel.judge.answers import (
    Seen,
    compared,
    counts,
    effects_in_full,
    effects_in_short,
    effects_seen,
    no_answer,
    prose_of,
    with_basis,
)
from aftercancel.judge.claims import Claim, Finding, Holds, Judged, Verdict
from aftercancel.judge.effects import Compared
from aftercancel.judge.prose import PLAIN, Words, details, headline
from aftercancel.judge.words import visible


@dataclass(frozen=True, slots=True)
class Question:
    """An open question with its answer."""

    id: str
    asked: str
    short: str
    """The answer in a sentence or two."""
    paragraphs: tuple[str, ...]
    """The answer in full: what decides, how it was tried, what is missing."""
    claims: tuple[str, ...]
    evidence: tuple[Seen, ...]
    script: str
    """The script that shows it, as a path in the project."""
    text: str
    how: tuple[str, ...]
    """Command lines that run it by hand."""
    needs: str
    effects: tuple[Compared, ...] = ()
    """The table that answers it, where there is one."""


def answered(
    listed: Iterable[Asked],
    claims: Mapping[str, Claim],
    findings: Mapping[str, Finding],
    effects: Sequence[Compared] = (),
) -> tuple[Question, ...]:
    """Every question with the answer that these findings give."""
    return tuple(_answered(asked, claims, findings, effects) for asked in listed)


def _answered(
    asked: Asked,
    claims: Mapping[str, Claim],
    findings: Mapping[str, Finding],
    effects: Sequence[Compared],
) -> Question:
    shorts: list[str] = []
    paragraphs: list[str] = []
    evidence: list[Seen] = []
    table = tuple(effects) if asked.effects else ()
    if asked.effects:
        shorts.append(effects_in_short(table))
        paragraphs += effects_in_full(table)
        evidence += effects_seen(table)
    for n, name in enumerate(asked.claims):
        claim, finding = claims.get(name), findings.get(name)
        first = n == 0 and not asked.effects
        if claim is None or finding is None:
            gone = f"{name} was not judged here."
            shorts += [gone] if first else []
            paragraphs.append(gone)
            continue
        short, full = _from_claim(asked, finding) if first else ("", [prose_of(finding)])
        shorts += [short] if first else []
        paragraphs.append(_heading(claim))
        paragraphs += full
        paragraphs += _circumstances(claim, finding)
        evidence += [_seen(name, finding.cases[n]) for n in finding.evidence]
    return Question(
        id=asked.id,
        asked=asked.asked,
        short=" ".join(shorts),
        paragraphs=tuple(paragraphs),
        claims=asked.claims,
        evidence=tuple(evidence),
        script=asked.script,
        text=asked.text,
        how=asked.how,
        needs=asked.needs,
        effects=table,
    )


# -- an answer from a claim


def _from_claim(asked: Asked, finding: Finding) -> tuple[str, list[str]]:
    words = _words(asked)
    if finding.deciding is None:
        return no_answer(finding), []
    if asked.compares:
        return compared(finding, asked.compares, asked.than)
    further = details(finding.deciding, words)
    short = with_basis(headline(finding.deciding, words), finding)
    return short, [further] if further else []


def _words(asked: Asked) -> Words:
    own = asked.words or {}
    return {holds: own.get(holds.value, PLAIN[holds]) for holds in Holds}


def _heading(claim: Claim) -> str:
    return f"{claim.id}, from {claim.source.value}: “{visible(claim.sentence)}”."


def _circumstances(claim: Claim, finding: Finding) -> list[str]:
    paragraphs: list[str] = []
    if finding.cases:
        paragraphs.append(
            f"How it was tried: {visible(claim.tried)}. A case counts as yes when this is so: "
            f"{visible(claim.reading)} {counts(finding)}"
        )
    if finding.missing and finding.verdict is not Verdict.NOT_MEASURED:
        paragraphs.append(
            f"What is missing: {_cells(finding.missing)} that it needs "
            f"{'was' if len(finding.missing) == 1 else 'were'} not measured, as "
            f"{visible(finding.missing[0])}."
        )
    return paragraphs


def _cells(cells: Sequence[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells)} cells"


def _seen(claim: str, case: Judged) -> Seen:
    cells = tuple(dict.fromkeys(case.cells.values()))
    return Seen(claim, cells, case.holds.value, visible(case.because))
