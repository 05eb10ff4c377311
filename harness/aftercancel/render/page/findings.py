"""Claims with their findings as the page's templates want them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aftercancel.judge.claims import Claim, Finding, Holds, Judged, Verdict, in_words
from aftercancel.render.stories import Story


class Look(NamedTuple):
    """How a verdict or an answer shows: a sign, and the class that colours it."""

    sign: str
    style: str


VERDICTS = {
    Verdict.CONFIRMED: Look("✓", "good"),
    Verdict.REFUTED: Look("✗", "bad"),
    Verdict.DEPENDS: Look("◐", "mild"),
    Verdict.COULD_NOT_TELL: Look("?", "untold"),
    Verdict.NOT_MEASURED: Look("-", "untold"),
}
ANSWERS = {
    Holds.YES: Look("✓", "good"),
    Holds.NO: Look("✗", "bad"),
    Holds.VARIES: Look("~", "untold"),
    Holds.UNTOLD: Look("?", "untold"),
}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One piece of evidence: a case, and the stories of its cells."""

    case: Judged
    look: Look
    told: tuple[tuple[str, str, Story | None], ...]
    """Part of the case, key of the attempt, its story."""
    attempts: str
    """In which attempts it was so, where others gave another answer or none; else empty."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the table of claims."""

    claim: Claim
    finding: Finding
    look: Look
    decides: str
    exhibits: tuple[Exhibit, ...]
    counts: tuple[tuple[Holds, int], ...]


def shown(
    findings: Iterable[tuple[Claim, Finding]], stories: Mapping[str, Story]
) -> tuple[Shown, ...]:
    """Every claim, in the order given."""
    return tuple(_shown(claim, finding, stories) for claim, finding in findings)


def _shown(claim: Claim, finding: Finding, stories: Mapping[str, Story]) -> Shown:
    decides = finding.why_not if finding.deciding is None else in_words(finding.deciding)
    if isinstance(finding.deciding, Holds):
        # The verdict says the answer already.
        cases = len(finding.cases)
        decides = "in the one case" if cases == 1 else f"in every one of {cases} cases"
        if finding.deciding is Holds.VARIES:
            decides = "attempts at the same cells differ"
        elif untold := finding.count(Holds.UNTOLD):
            decides = f"in every case that could be told, {cases - untold} of {cases}"
    return Shown(
        claim=claim,
        finding=finding,
        look=VERDICTS[finding.verdict],
        decides=decides,
        exhibits=tuple(_exhibit(finding.cases[n], stories) for n in finding.evidence),
        counts=tuple((holds, count) for holds in Holds if (count := finding.count(holds))),
    )


def _exhibit(case: Judged, stories: Mapping[str, Story]) -> Exhibit:
    told = []
    for number in case.shown or case.attempts[:1] or (1,):
        for part, cell in case.cells.items():
            key = _key(cell, number)
            # A part that was measured less often stands in with its first attempt.
            key = key if key in stories else _key(cell, 1)
            told.append((part, key, stories.get(key)))
    return Exhibit(case, ANSWERS[case.holds], tuple(told), _attempts(case))


def _key(cell: str, attempt: int) -> str:
    return cell if attempt == 1 else f"{cell}#{attempt}"


def _attempts(case: Judged) -> str:
    """``in attempts 1, 3; attempt 2 could not tell``: nothing where all say the same."""
    if not case.others:
        return ""
    return f"in {_numbers(case.attempts)}; {_numbers(case.others)} could not tell"


def _numbers(attempts: Collection[int]) -> str:
    word = "attempt" if len(attempts) == 1 else "attempts"
    return f"{word} {', '.join(map(str, sorted(attempts)))}"


def cases(findings: Iterable[tuple[Claim, Finding]]) -> dict[str, Any]:
    """Every case of every claim, for the tables that are made when a reader asks for them."""
    return {claim.id: list(_rows(finding)) for claim, finding in findings}


def _rows(finding: Finding) -> Iterator[list[Any]]:
    for case in finding.cases:
        look = ANSWERS[case.holds]
        cells = list(case.cells.values())
        if len(cells) == 1 and case.attempts and 1 not in case.attempts:
            # The first attempt, which the cell alone stands for, says something else.
            cells = [_key(cells[0], case.attempts[0])]
        yield [case.holds.value, look.sign, look.style, case.because, cells, _attempts(case)]
