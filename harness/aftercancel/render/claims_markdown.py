"""Claims as one page of Markdown, ``reports/claims.md``: behaviour, and nothing that changes
without it. No time, no pid, no host stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aftercancel.judge.answers import counts
from aftercancel.judge.claims import Claim, Finding, Judged, Verdict
from aftercancel.judge.words import listed
from aftercancel.render.claims import (
    Judgement,
    again,
    cases_in_short,
    deciding_in_short,
    missing,
    numbers,
    untold,
)
from aftercancel.render.markdowns import escaped
from aftercancel.render.trees import nested

_TITLE = "Claims, judged"
_CELLS_NAMED = 20


def markdown(findings: Sequence[Judgement]) -> str:
    """The page: all claims in a table, then a section for each."""
    blocks = [f"# {_TITLE}"]
    if not findings:
        return "\n\n".join([*blocks, "There is no claim."]) + "\n"
    blocks.append(f"{numbers(findings)}.")
    blocks.append(overview(findings, linked=True))
    for claim, finding in findings:
        blocks += _section(claim, finding)
    return "\n\n".join(blocks) + "\n"


def anchor(claim: Claim) -> str:
    """Where the claim's section is in the page."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in claim.id)
    return f"claim-{kept.lower()}"


def overview(findings: Sequence[Judgement], *, linked: bool = False) -> str:
    """A row for each claim; ``linked``: to its section below."""
    rows = [
        [
            f"[{escaped(claim.id)}](#{anchor(claim)})" if linked else escaped(claim.id),
            escaped(claim.sentence),
            f"**{finding.words}**",
            escaped(deciding_in_short(finding)),
            escaped(cases_in_short(finding)),
        ]
        for claim, finding in findings
    ]
    return table(["", "claim", "verdict", "what decides", "cases"], rows)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of escaped texts, not padded: a row that changes must not change the others."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(text: str) -> str:
    """Text as it stands, whatever is in it: fenced by more backticks than it has in a row."""
    runs = [len(run) for run in "".join(c if c == "`" else " " for c in text).split()]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _section(claim: Claim, finding: Finding) -> Iterator[str]:
    yield f'<a id="{anchor(claim)}"></a>\n\n## {escaped(claim.id)}: {finding.words}'
    yield f"> {escaped(claim.sentence)}\n>\n> — {escaped(claim.source.value)}"
    if claim.asks:
        yield f"Open question: {escaped(claim.asks)}"
    yield f"Tried: {escaped(claim.tried)}."
    yield f"A case counts as yes when this is so: {escaped(claim.reading)}"
    if finding.why_not:
        yield f"{finding.verdict.value.capitalize()}: {escaped(finding.why_not)}"
    if finding.cases:
        yield counts(finding)
    if finding.deciding is not None and finding.verdict is Verdict.DEPENDS:
        yield "What decides:"
        yield "\n".join(f"{'  ' * n}- {escaped(text)}" for n, text in nested(finding.deciding))
    reasons = untold(finding)
    if reasons:
        yield "Could not tell:"
        yield "\n".join(
            f"- {escaped(reason)} ({listed([escaped(cell) for cell in cells], most=_CELLS_NAMED)})"
            for reason, cells in reasons
        )
    if finding.missing:
        yield "Not measured, though it is in the default matrix:"
        yield "\n".join(f"- {escaped(cell)}" for cell in missing(finding))
    if finding.evidence:
        yield "Evidence:"
        yield "\n".join(_evidence(finding.cases[n]) for n in finding.evidence)


def _evidence(case: Judged) -> str:
    cells = dict.fromkeys(case.cells.values())
    commands = "".join(f"\n  - {code(again(cell))}" for cell in cells)
    return f"- **{case.holds.value}**: {escaped(case.because)}{commands}"
