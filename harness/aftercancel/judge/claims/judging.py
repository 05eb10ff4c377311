"""The verdict on one claim: its cases, their answers, what decides, and the best evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from aftercancel.judge.claims.deciding import Branch, Deciding, decide
from aftercancel.judge.claims.evidence import best
from aftercancel.judge.claims.findings import Finding, Judged, Verdict
from aftercancel.judge.claims.statements import Answer, Case, Claim, Holds
from aftercancel.judge.claims.words import AXES, meant, of_a_model, without_version, words
from aftercancel.judge.outcomes import not_measured
from aftercancel.judge.words import visible
from aftercancel.model import Evidence, Observation

Attempts = Mapping[str, Sequence[int]]
"""The attempts that were measured, by cell."""
Load = Callable[[str, int], Observation]
"""Gives the observation of one attempt at a cell."""


def judge_claim(
    claim: Claim, attempts: Attempts, load: Load, catalogued: Collection[str] = ()
) -> Finding:
    """Judge one claim over what was measured.

    ``catalogued`` are the cells of the default matrix: those of them that the claim needs and
    that were not measured are named. A predicate that raises could not tell, with the reason.
    """
    matching = {part: _matching(claim, part, attempts) for part in claim.parts}
    measured = {*attempts, *map(without_version, attempts)}
    absent = [cell for cell in catalogued if cell not in measured]
    missing = dict.fromkeys(cell for part in claim.parts for cell in _matching(claim, part, absent))
    cases = tuple(_judge_case(claim, cells, attempts, load) for cells in _cases(claim, matching))
    verdict, deciding, why_not = _verdict(claim, cases, tuple(missing))
    return Finding(
        claim=claim.id,
        verdict=verdict,
        deciding=deciding,
        cases=cases,
        missing=tuple(missing),
        why_not=why_not,
        evidence=best(cases, deciding),
    )


def _matching(claim: Claim, part: str, cells: Iterable[str]) -> list[str]:
    found = meant(cells, claim.parts[part], claim.without)
    # A model behaves as its author read the source: no evidence of what the real one does.
    return found if claim.modelled else [cell for cell in found if not of_a_model(cell)]


def _cases(claim: Claim, matching: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, str]]:
    """The cells of each case, by part; cells that lack their counterpart make no case."""
    shared = [axis for axis in AXES if axis not in _apart(claim)]
    by_words: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for part, cells in matching.items():
        for cell in cells:
            own = words(cell)
            key = tuple(getattr(own, axis) for axis in shared)
            by_words.setdefault(key, {}).setdefault(part, []).append(cell)
    for found in by_words.values():
        if len(found) == len(claim.parts):
            for cells in _together(claim, found):
                yield dict(zip(claim.parts, cells, strict=True))


def _together(claim: Claim, found: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, ...]]:
    """One of each part, in every combination; parts that mean the same cells are neighbours.

    Then each cell makes a case with the next, by version: what changed between two, and when.
    """
    several = [found[part] for part in claim.parts]
    if len(several) < 2 or len(set(claim.parts.values())) > 1:
        return product(*several)
    in_order = sorted(several[0], key=_by_numbers)
    return zip(*(in_order[n:] for n in range(len(several))), strict=False)


def _by_numbers(cell: str) -> list[int | str]:
    """For sorting: 9 comes before 10."""
    pieces = re.split(r"(\d+)", cell)
    return [int(piece) if n % 2 else piece for n, piece in enumerate(pieces)]


def _apart(claim: Claim) -> frozenset[str]:
    """With the axes that are only another look at one that is named."""
    apart = set(claim.apart)
    if "cancellation" in apart:
        apart |= {"signal", "target"}
    elif apart & {"signal", "target"}:
        apart.add("cancellation")
    return frozenset(apart)


def _judge_case(claim: Claim, cells: Mapping[str, str], attempts: Attempts, load: Load) -> Judged:
    answers: dict[int, Answer] = {}
    for number in _all_attempts(cells, attempts):
        own = {
            part: load(cell, number if number in attempts[cell] else attempts[cell][0])
            for part, cell in cells.items()
        }
        answers[number] = _answer(claim, Case(own))
    told = {answer.holds for answer in answers.values()} - {Holds.UNTOLD}
    wanted = sorted(told, key=list(Holds).index) or [Holds.UNTOLD]
    shown = [_shown(answers, holds) for holds in wanted]
    rest = [n for n, answer in answers.items() if answer.holds in wanted]
    if len(shown) == 1:
        holds, because = wanted[0], answers[shown[0]].because
    else:
        holds = Holds.VARIES
        because = " ".join(
            f"{each.value.capitalize()}: {answers[n].because}"
            for each, n in zip(wanted, shown, strict=True)
        )
    return Judged(
        cells=cells,
        words=_words(claim, cells),
        holds=holds,
        because=because,
        attempts=tuple(dict.fromkeys([*shown, *rest])),
        others=tuple(n for n in answers if n not in rest),
        shown=tuple(shown),
    )


def _shown(answers: Mapping[int, Answer], holds: Holds) -> int:
    """The attempt that stands for this answer: the same whatever the attempts' numbers are."""
    return min(
        (n for n, answer in answers.items() if answer.holds is holds),
        key=lambda n: (answers[n].because, n),
    )


def _all_attempts(cells: Mapping[str, str], attempts: Attempts) -> list[int]:
    """As many as the part with most has; a part that was measured once stands for itself."""
    return sorted({number for cell in cells.values() for number in attempts[cell]})


def _words(claim: Claim, cells: Mapping[str, str]) -> dict[str, str]:
    own = words(next(iter(cells.values())))
    apart = _apart(claim)
    found = {axis: getattr(own, axis) for axis in AXES if axis not in apart}
    if len(set(cells.values())) > 1 or apart:
        # Of axes that are apart, the values of all parts together still tell cases apart.
        for axis in claim.apart:
            values = dict.fromkeys(getattr(words(cell), axis) for cell in cells.values())
            found[axis] = " and ".join(value or "none" for value in values)
    return found


def _answer(claim: Claim, case: Case) -> Answer:
    for observation in case.parts.values():
        reason = _unusable(claim, observation)
        if reason:
            return Answer(Holds.UNTOLD, reason)
    try:
        answer = claim.predicate(case)
        if not isinstance(answer, Answer):
            raise TypeError(f"it gave {answer!r}, and no answer")
        return answer
    except Exception as error:  # noqa: BLE001 whatever it is, it must not look like an answer
        return Answer(
            Holds.UNTOLD,
            f"The claim's function failed ({type(error).__name__}: {visible(str(error))}).",
        )


def _unusable(claim: Claim, observation: Observation) -> str:
    """Why an observation says nothing about any claim, or not about this one."""
    why_not = not_measured(observation)
    if why_not is not None:
        return why_not
    if claim.traced and observation.evidence is Evidence.PROC:
        return "It was measured by /proc, which does not show who signalled whom."
    return ""


def _verdict(
    claim: Claim, cases: Sequence[Judged], missing: Sequence[str]
) -> tuple[Verdict, Deciding | None, str]:
    if not cases:
        return Verdict.NOT_MEASURED, None, _why_not_measured(claim, missing)
    told = [(case.words, case.holds) for case in cases if case.holds is not Holds.UNTOLD]
    if not told:
        reasons = dict.fromkeys(case.because for case in cases)
        return Verdict.COULD_NOT_TELL, None, " ".join(reasons)
    deciding = decide(told)
    if isinstance(deciding, Branch):
        return Verdict.DEPENDS, deciding, ""
    match deciding:
        case Holds.YES:
            return Verdict.CONFIRMED, deciding, ""
        case Holds.NO:
            return Verdict.REFUTED, deciding, ""
        case _:
            return Verdict.DEPENDS, deciding, ""


def _why_not_measured(claim: Claim, missing: Sequence[str]) -> str:
    if missing:
        cells = "1 cell" if len(missing) == 1 else f"{len(missing)} cells"
        return f"{cells} that it needs were not measured, as {missing[0]}."
    patterns = dict.fromkeys(pattern for part in claim.parts.values() for pattern in part)
    but = f", without {' and '.join(claim.without)}" if claim.without else ""
    kind = f"cells that differ in {' and '.join(claim.apart)} alone" if claim.apart else "cells"
    return f"It needs {kind} that no run here has: {' and '.join(patterns)}{but}."
