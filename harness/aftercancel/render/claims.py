"""Claims as a person reads them in a terminal: all of them as a table, and one as a story."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from aftercancel.judge.answers import counts
from aftercancel.judge.claims import Claim, Finding, Holds, Judged, Verdict, in_words
from aftercancel.judge.words import listed, shortened, visible
from aftercancel.render.trees import nested

if TYPE_CHECKING:
    from rich.console import Console

Judgement = tuple[Claim, Finding]
"""A claim and what the observations say of it."""
Tell = Callable[[str, int], Sequence[str]]
"""The story of one attempt at a cell, as lines."""

_COUNTED = {
    Holds.YES: "yes",
    Holds.NO: "no",
    Holds.VARIES: "now yes, now no",
    Holds.UNTOLD: "could not tell",
}
_LONGEST_DECIDING = 240
"""As much of what decides stands in the table; a claim's own story has all of it."""
_STORY_WIDTH = 100
_CELLS_NAMED = 20


def again(cell: str) -> str:
    """The command that measures a cell anew."""
    dashed = "-- " if cell.startswith("-") else ""
    return f"aftercancel again {dashed}{shlex.quote(visible(cell))}"


# -- all claims


def terminal_table(
    findings: Sequence[Judgement], console: Console | None = None, width: int | None = None
) -> None:
    """Print all claims, the verdicts in numbers, and what was not measured."""
    # Rich takes longer to import than a story takes to tell.
    from aftercancel.render import claims_table

    claims_table.terminal(findings, console, width)


def numbers(findings: Sequence[Judgement]) -> str:
    """The verdicts in one line."""
    count = Counter(finding.verdict for _, finding in findings)
    parts = [
        f"{n} {'depend' if verdict is Verdict.DEPENDS and n > 1 else verdict.value}"
        for verdict in Verdict
        if (n := count[verdict])
    ]
    claims = "1 claim" if len(findings) == 1 else f"{len(findings)} claims"
    so_far = sum(finding.so_far for _, finding in findings)
    more = f"; {so_far} of these so far, since cells are missing" if so_far else ""
    modelled = sum(finding.modelled for _, finding in findings)
    more += f"; {modelled} of these in a model of a runner only" if modelled else ""
    return f"{claims}: {', '.join(parts)}{more}"


def deciding_in_short(finding: Finding, longest: int = _LONGEST_DECIDING) -> str:
    """What decides, in one line; empty where the verdict says everything."""
    if finding.deciding is None or finding.verdict in (Verdict.CONFIRMED, Verdict.REFUTED):
        return ""
    return shortened(visible(in_words(finding.deciding)), longest)


def cases_in_short(finding: Finding) -> str:
    """How many cases gave which answer."""
    return ", ".join(
        f"{finding.count(holds)} {called}"
        for holds, called in _COUNTED.items()
        if finding.count(holds)
    )


# -- one claim


def claim_story(
    claim: Claim, finding: Finding, stories: Tell, commands: Callable[[str], str] = again
) -> tuple[str, ...]:
    """One claim from its source to its evidence, as lines of text.

    ``stories`` tells an attempt at a cell as ``render.story`` does, ``commands`` names the command
    that reproduces a cell.
    """
    lines = [*_wrapped(f"{claim.id}  ", f"“{visible(claim.sentence)}”")]
    lines += _wrapped("", f"Source: {claim.source.value}")
    if claim.asks:
        lines += _wrapped("", f"It goes with an open question: {visible(claim.asks)}")
    lines += _part("How it is tried", _wrapped("", visible(claim.tried)))
    lines += _part("When a case counts as yes", _wrapped("", visible(claim.reading)))
    lines += _part("Verdict", _verdict(finding))
    if finding.deciding is not None and finding.verdict is Verdict.DEPENDS:
        lines += _part("What decides", _tree(finding))
    lines += _part("Could not tell", _untold(finding))
    lines += _part("Cells that were not measured", missing(finding))
    for n, position in enumerate(finding.evidence, 1):
        case = finding.cases[position]
        lines += ["", f"Evidence {n} of {len(finding.evidence)}: {case.holds.value}"]
        lines += [f"  {line}".rstrip() for line in _evidence(case, stories, commands)]
    return tuple(lines)


def untold(finding: Finding) -> list[tuple[str, list[str]]]:
    """Why cases could not be told, and which: the most frequent reason first."""
    by_reason: dict[str, list[str]] = {}
    for case in finding.cases:
        if case.holds is Holds.UNTOLD:
            by_reason.setdefault(visible(case.because), []).append(_cells(case))
    return sorted(
        ((reason, sorted(cells)) for reason, cells in by_reason.items()),
        key=lambda each: (-len(each[1]), each[0]),
    )


def missing(finding: Finding) -> list[str]:
    """The cells that were not measured, a line each; of very many, the first and the number."""
    cells = sorted(map(visible, finding.missing))
    more = len(cells) - _CELLS_NAMED
    return [*cells[:_CELLS_NAMED], f"and {more} more"] if more > 0 else cells


def _verdict(finding: Finding) -> list[str]:
    lines = [finding.words]
    if finding.why_not:
        lines += _wrapped("", visible(finding.why_not))
    if finding.cases:
        lines.append(counts(finding))
    return lines


def _tree(finding: Finding) -> Iterator[str]:
    assert finding.deciding is not None
    for depth, text in nested(finding.deciding):
        yield from _wrapped("  " * depth, text, hang="  " * depth + "    ")


def _untold(finding: Finding) -> Iterator[str]:
    for reason, cells in untold(finding):
        number = "1 case" if len(cells) == 1 else f"{len(cells)} cases"
        yield from _wrapped("", f"{number}: {reason}")
        yield from _wrapped("  ", listed(cells, most=_CELLS_NAMED))


def _evidence(case: Judged, stories: Tell, commands: Callable[[str], str]) -> Iterator[str]:
    yield from _wrapped("", visible(case.because))
    several = len(case.cells) > 1
    for attempt in case.shown or case.attempts[:1] or (1,):
        for part, cell in case.cells.items():
            yield ""
            label = f"{visible(part)}: " if several else ""
            yield f"{label}{commands(cell)}"
            yield ""
            for line in stories(cell, attempt):
                yield f"  {line}" if line else ""


def _cells(case: Judged) -> str:
    return " with ".join(dict.fromkeys(visible(cell) for cell in case.cells.values()))


def _part(heading: str, lines: Iterable[str]) -> list[str]:
    body = [f"  {line}" for line in lines]
    return ["", heading, *body] if body else []


def _wrapped(first: str, text: str, hang: str | None = None) -> list[str]:
    indent = " " * len(first) if hang is None else hang
    return textwrap.wrap(
        text,
        _STORY_WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


# -- as data


def as_data(claim: Claim, finding: Finding) -> dict[str, Any]:
    """A claim with everything that is known of it, for JSON."""
    return {
        "id": claim.id,
        "source": claim.source.value,
        "sentence": claim.sentence,
        "tried": claim.tried,
        "reading": claim.reading,
        "asks": claim.asks,
        "needs": {part: list(patterns) for part, patterns in claim.parts.items()},
        "without": list(claim.without),
        "verdict": finding.verdict.value,
        "so_far": finding.so_far,
        "modelled": finding.modelled,
        "why_not": finding.why_not,
        "deciding": msgspec.to_builtins(finding.deciding),
        "in_words": None if finding.deciding is None else in_words(finding.deciding),
        "counts": {holds.value: finding.count(holds) for holds in Holds},
        "cases": [msgspec.to_builtins(case) for case in finding.cases],
        "missing": list(finding.missing),
        "evidence": [
            {
                **msgspec.to_builtins(finding.cases[n]),
                "commands": [again(cell) for cell in finding.cases[n].cells.values()],
            }
            for n in finding.evidence
        ],
    }
