"""All claims as a table in a terminal, beside each other where there is room."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from aftercancel.judge.claims import Claim, Finding, Verdict
from aftercancel.judge.words import visible
from aftercancel.render.claims import Judgement, cases_in_short, deciding_in_short, numbers
from aftercancel.render.encodings import encodable
from aftercancel.render.summaries import hanging

_STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.DEPENDS: "yellow",
    Verdict.COULD_NOT_TELL: "magenta",
    Verdict.NOT_MEASURED: "magenta",
}
_VERDICT_WIDTH = max(map(len, (*Verdict, f"{Verdict.CONFIRMED} so far")))
_SIDE_BY_SIDE = 120
"""From this width on, sentence and what decides stand beside each other."""
_NARROWEST, _WIDEST = 40, 180


def terminal(
    findings: Sequence[Judgement], console: Console | None = None, width: int | None = None
) -> None:
    """Print all claims, the verdicts in numbers, and what was not measured."""
    console = console or Console(width=width, highlight=False)
    for line in lines(findings, console.width):
        console.print(encodable(line, console.encoding), soft_wrap=True, highlight=False)


def lines(findings: Sequence[Judgement], width: int) -> Iterator[Text]:
    """Everything that is printed, line by line."""
    if not findings:
        yield Text("There is no claim.")
        return
    ids = max(len(visible(claim.id)) for claim, _ in findings) + 1
    width = max(width, _NARROWEST)
    for source, some in groupby(findings, key=lambda each: each[0].source):
        yield from hanging("", _capital(source.value), width, style="bold")
        for claim, finding in some:
            yield from _row(claim, finding, ids, min(width, _WIDEST))
        yield Text()
    yield from hanging("", numbers(findings), width, style="bold")
    yield from _without_verdict(findings, width)
    told = "`aftercancel claims ID` tells one of them in full, with its evidence."
    yield from hanging("", told, width, style="dim")


class _Column(NamedTuple):
    text: str
    width: int
    style: str = ""


def _row(claim: Claim, finding: Finding, ids: int, width: int) -> Iterator[Text]:
    name = _Column(visible(claim.id), ids)
    verdict = _Column(finding.words, _VERDICT_WIDTH + 1, _STYLES[finding.verdict])
    sentence, decides = visible(claim.sentence), deciding_in_short(finding)
    cases = cases_in_short(finding)
    room = width - ids - _VERDICT_WIDTH - 3
    if width < _SIDE_BY_SIDE:
        yield from _columns([name, verdict, _Column(sentence, room)])
        for text in (decides, cases):
            if text:
                indent = " " * min(ids + _VERDICT_WIDTH + 3, width // 3)
                yield from hanging(indent, text, width, style="dim")
        return
    counted = 15
    left = (room - counted - 2) * 9 // 20
    right = room - counted - 2 - left
    # One answer below another: a column of numbers is read downwards.
    parts = cases.replace(", ", "\n")
    columns = [name, verdict, _Column(sentence, left), _Column(decides, right)]
    yield from _columns([*columns, _Column(parts, counted)])


def _columns(columns: Sequence[_Column]) -> Iterator[Text]:
    folded = [
        [line for part in column.text.split("\n") for line in _folded(part, column.width)]
        for column in columns
    ]
    for n in range(max(map(len, folded))):
        line = Text()
        for column, lines in zip(columns, folded, strict=True):
            text = lines[n] if n < len(lines) else ""
            line.append(f"{text:<{column.width}} ", style=column.style)
        line.rstrip()
        yield line


def _without_verdict(findings: Sequence[Judgement], width: int) -> Iterator[Text]:
    for verdict in (Verdict.COULD_NOT_TELL, Verdict.NOT_MEASURED):
        some = [each for each in findings if each[1].verdict is verdict]
        if some:
            yield Text(f"{_capital(verdict.value)}:", style=_STYLES[verdict])
        for claim, finding in some:
            yield from hanging(f"  {visible(claim.id)}  ", visible(finding.why_not), width)


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
