"""The sentences that answers to open questions are put together from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from aftercancel.judge.claims import Finding, Holds, Judged, Verdict
from aftercancel.judge.claims.deciding import Told, decide
from aftercancel.judge.effects import SLICE, Compared, Difference
from aftercancel.judge.prose import PLAIN, Words, among, enumerated, prose
from aftercancel.judge.words import listed, visible


@dataclass(frozen=True, slots=True)
class Seen:
    """One piece of evidence."""

    claim: str
    """The claim's id; empty for an effect."""
    cells: tuple[str, ...]
    answer: str
    because: str
    """What was seen, without times."""


# -- an answer from a claim


def prose_of(finding: Finding, words: Words = PLAIN) -> str:
    """The verdict in sentences, also where there is none."""
    if finding.deciding is None:
        return no_answer(finding)
    return with_basis(prose(finding.deciding, words), finding)


def with_basis(answer: str, finding: Finding) -> str:
    """An answer, with what it rests on where that is no real runner."""
    if not finding.modelled:
        return answer
    return f"{answer} This was seen in models only, and not in the runners that they follow."


def no_answer(finding: Finding) -> str:
    """That there is none, and why."""
    if finding.verdict is Verdict.NOT_MEASURED:
        return f"This was not measured. {visible(finding.why_not)}"
    return f"This could not be told. {visible(finding.why_not)}"


def counts(finding: Finding) -> str:
    """The answers of the cases, as a sentence."""
    total = len(finding.cases)
    parts = [
        f"{finding.count(holds)} {said}"
        for holds, said in (
            (Holds.YES, "yes"),
            (Holds.NO, "no"),
            (Holds.VARIES, "now yes, now no"),
            (Holds.UNTOLD, "could not be told"),
        )
        if finding.count(holds)
    ]
    mixed = sum(bool(case.others) for case in finding.cases)
    of = f" In {mixed} of them not every attempt could tell." if mixed else ""
    return f"Of {total} {'case' if total == 1 else 'cases'}: {'; '.join(parts)}.{of}"


def compared(finding: Finding, axis: str, than: str) -> tuple[str, list[str]]:
    """Whether the answer differs along an axis, where all else is equal; and where it does."""
    pairs = _pairs(finding.cases, axis, than)
    answer = [f"The sentence itself: {prose_of(finding)}"]
    if not pairs:
        return f"There is nothing to compare: no two cases differ from {than} in {axis} only.", [
            f"There is no answer {among(axis, [than])}, or none elsewhere.",
            *answer,
        ]
    words: Words = {
        Holds.YES: f"different from {than}",
        Holds.NO: f"like {than}",
        Holds.VARIES: f"now different from {than} and now like it",
    }
    count = Counter(own[axis] for own, holds in pairs if holds is Holds.YES)
    values = list(dict.fromkeys(own[axis] for own, _ in pairs))
    differ = [value for value in values if count[value]]
    like = [value for value in values if not count[value]]
    if not differ:
        short = f"No: {enumerated(like)} answer{'s' if len(like) == 1 else ''} as {than} does."
    else:
        short = f"Yes: {_verb(differ, 'differs', 'differ')} from {than}."
        if like:
            short += f" {_verb(like, 'does', 'do')} not."
    total = Counter(own[axis] for own, _ in pairs)
    often = enumerated([f"{value} in {count[value]} of {total[value]}" for value in differ])
    where = prose(decide(pairs), words)
    full = [
        f"Each case was compared with the one {among(axis, [than])} that is the same in all else. {where}",
        *([f"How many of the cases differ: {often}."] if differ else []),
        *answer,
    ]
    return with_basis(short, finding), full


def _verb(names: Sequence[str], one: str, several: str) -> str:
    return f"{enumerated(names)} {one if len(names) == 1 else several}"


def _pairs(cases: Sequence[Judged], axis: str, than: str) -> list[Told]:
    """Each case that has a counterpart at ``than``: whether the two answers differ."""
    told = [case for case in cases if case.holds is not Holds.UNTOLD and axis in case.words]

    def rest(case: Judged) -> tuple[tuple[str, str], ...]:
        return tuple((name, value) for name, value in case.words.items() if name != axis)

    usual = {rest(case): case.holds for case in told if case.words[axis] == than}
    return [
        (case.words, Holds.NO if case.holds is usual[rest(case)] else Holds.YES)
        for case in told
        if case.words[axis] != than and rest(case) in usual
    ]


# -- an answer from the effects


def effects_in_short(table: Sequence[Compared]) -> str:
    """How many effects show, as a sentence."""
    count = Counter(row.difference for row in table)
    measured = count[Difference.DIFFERS] + count[Difference.SAME]
    if not measured:
        return f"This was not measured: no cell of the slice {SLICE} tells."
    if not count[Difference.DIFFERS]:
        return f"None was found: all {measured} things that were looked at are as without it."
    things = "the one thing" if measured == 1 else f"{measured} things"
    differ = count[Difference.DIFFERS]
    return (
        f"Of {things} that were looked at, {differ} {'is' if differ == 1 else 'are'} "
        f"different where a terminal is forced."
    )


def effects_in_full(table: Sequence[Compared]) -> list[str]:
    """A paragraph for each group of effects: how many show, and which do not."""
    if all(row.difference is Difference.NOT_MEASURED for row in table):
        return [f"`aftercancel run --slice {SLICE}` measures what it takes."]
    return [_group(group, list(rows)) for group, rows in groupby(table, key=lambda row: row.group)]


def _group(group: str, rows: Sequence[Compared]) -> str:
    of = {each: [row for row in rows if row.difference is each] for each in Difference}
    told = len(of[Difference.DIFFERS]) + len(of[Difference.SAME])
    parts = [f"{visible(group)}: {len(of[Difference.DIFFERS])} of {told} differ."]
    if of[Difference.SAME]:
        parts.append(f"The same with and without: {_questions(of[Difference.SAME])}")
    if of[Difference.COULD_NOT_TELL]:
        parts.append(f"It could not be told: {_questions(of[Difference.COULD_NOT_TELL])}")
    if of[Difference.NOT_MEASURED]:
        parts.append(f"Not measured: {_questions(of[Difference.NOT_MEASURED])}")
    return " ".join(parts)


def _questions(rows: Sequence[Compared]) -> str:
    return " ".join(visible(row.question) for row in rows)


def effects_seen(table: Sequence[Compared]) -> list[Seen]:
    """The first effect of each group that shows: both sides of it."""
    found: list[Seen] = []
    differing = (row for row in table if row.difference is Difference.DIFFERS)
    for _, rows in groupby(differing, key=lambda row: row.group):
        row = next(rows)
        sides = [
            listed([visible(word) for word in side.seen])
            for side in (row.without, row.with_terminal)
        ]
        because = f"{visible(row.question)} Without: {sides[0]}. With: {sides[1]}."
        found.append(Seen("", (row.without.cell, row.with_terminal.cell), "differs", because))
    return found
