"""A judged run as Markdown for a CI summary: the essential first, and never too long for one.

GitHub refuses a step summary above 1 MiB, whole. What does not fit is counted and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from aftercancel.judge.claims import Claim, Finding
from aftercancel.judge.questions import Question
from aftercancel.judge.words import listed, shortened, visible
from aftercancel.render import claims_markdown
from aftercancel.render.markdowns import (
    beside,
    cells_in_words,
    counted,
    escaped,
    heading,
    legend,
    named,
    noticed,
    table_of,
)
from aftercancel.render.matrix import Table, tables
from aftercancel.render.page.disagreements import Disagreement, disagreements
from aftercancel.render.results import Results, summary
from aftercancel.render.signs import as_text

LIMIT = 1 << 20
"""Bytes: the limit of a step summary of GitHub Actions."""
_KEPT_FREE = 2048
"""For the sentences on what is left out, and for what the summary's reader adds."""
_NAMED, _NAME = 10, 24
"""Slices that are named as left out, and the characters of each: what is kept free suffices."""


def digest(
    results: Results,
    findings: Sequence[tuple[Claim, Finding]] = (),
    questions: Sequence[Question] = (),
    notices: Sequence[str] = (),
    limit: int = LIMIT,
) -> str:
    """The page; ``notices`` are what makes the run incomplete, in sentences."""
    room = limit - _KEPT_FREE
    kept: list[str] = []
    left_out = 0
    for block in _essential(results, findings, questions, notices):
        size = len(block.encode()) + 2
        if size > room:
            left_out += 1
            continue
        room -= size
        kept.append(block)
    shown = tables(results)
    kept_tables, rest = _matrix(shown, room)
    kept += kept_tables
    if left_out:
        are = "1 paragraph is" if left_out == 1 else f"{left_out} paragraphs are"
        kept.append(f"**{are} left out above, for want of room.**")
    if rest:
        cells = cells_in_words(sum(table.cells for table in rest))
        names = dict.fromkeys(shortened(visible(table.section), _NAME) for table in rest)
        sections = listed([escaped(name) for name in names], most=_NAMED)
        kept.append(
            f"**Left out, since a summary must stay below {limit:,} bytes: {len(rest)} of "
            f"{len(shown)} tables with {cells} ({sections}).** They are in the run's matrix.md."
        )
    return "\n\n".join(kept) + "\n"


def _essential(
    results: Results,
    findings: Sequence[tuple[Claim, Finding]],
    questions: Sequence[Question],
    notices: Sequence[str],
) -> Iterator[str]:
    yield "# After the cancel"
    yield from noticed(notices)
    numbers = summary(results)
    yield from counted(numbers)
    found = disagreements(results.cells().values())
    if found:
        yield "## Where they disagree most"
        yield "\n".join(map(_disagreement, found))
    if questions:
        yield "## Open questions"
        yield "\n".join(f"- {escaped(each.asked)} {escaped(each.short)}" for each in questions)
    if findings:
        yield "## Claims"
        yield claims_markdown.overview(findings)
    yield from beside(results.models)
    yield from named(numbers)


def _disagreement(found: Disagreement) -> str:
    fixed = [f"{axis} {word}" for axis, word in found.fixed if word not in {"none", "plain"}]
    where = f" ({', '.join(fixed)})" if fixed else ""
    parts = [f"{part.label}: {as_text(part.signs)}" for part in found.parts]
    parts += [f"{found.more} more"] if found.more else []
    return f"- {escaped(f'{found.job}, {found.cancellation}{where}: ')}{escaped(' · '.join(parts))}"


def _matrix(shown: Sequence[Table], room: int) -> tuple[list[str], list[Table]]:
    """The tables that fit, in their order, and those that do not."""
    kept: list[str] = []
    rest: list[Table] = []
    alike = tuple(dict.fromkeys(table.alike for table in shown))
    room -= _size(legend(alike))
    section = None
    for table in shown:
        blocks = [*heading(table, section), *table_of(table)]
        if _size(blocks) > room:
            rest.append(table)
            continue
        room -= _size(blocks)
        section = table.section
        kept += blocks
    return ([*legend(alike), *kept] if kept else []), rest


def _size(blocks: Iterable[str]) -> int:
    return sum(len(block.encode()) + 2 for block in blocks)
