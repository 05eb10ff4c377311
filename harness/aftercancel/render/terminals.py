"""The matrix in a terminal, or in a file where there is none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from aftercancel.judge.words import listed, visible
from aftercancel.render.matrix import Row, Table, narrowed, tables
from aftercancel.render.results import Results, Summary, summary
from aftercancel.render.signs import LEGEND, Sign

_JOB_WIDTH = 24
_SHELLS_WIDTH = 28
_NARROWEST_SHELLS = 11
_LONGEST_PART = 5
_SHORT = {"process": "proc", "backslash": "bksl", "output": "out", "closed": "clos"}
_ASCII = str.maketrans({"✓": "+", "·": ".", "×": "x", "–": "-", "—": "-", "…": "~", "→": ">"})
_TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands for a space at which no line is broken."""
_SHOWN = 5
"""How many cells are named for one reason; the number of the others is said."""


def terminal(results: Results, console: Console | None = None, width: int | None = None) -> None:
    """Print the matrix and its summary.

    Rich leaves colour out where there is no terminal and where NO_COLOR is set; the signs say
    everything without it.
    """
    console = console or Console(width=width, highlight=False)
    for line in lines(results, console.width):
        console.print(_encodable(line, console.encoding), soft_wrap=True, highlight=False)


def lines(results: Results, width: int) -> Iterable[Text]:
    """Everything that is printed, line by line."""
    section = None
    for table in tables(results):
        if table.section != section:
            section = table.section
            heading = Text(visible(table.section), style="bold")
            if table.sentence:
                heading.append(f"  {visible(table.sentence)}", style="not bold")
            yield Text()
            yield heading
        yield from _table(table, width)
    yield Text()
    yield from _legend(width)
    yield Text()
    yield from _summary(summary(results), width)


# -- tables


class _Shown(NamedTuple):
    """The columns that stand beside each other, and how wide everything is."""

    heads: list[list[str]]
    widths: list[int]
    job_width: int
    label_width: int


def _table(table: Table, width: int) -> Iterable[Text]:
    places = f"launcher {table.launcher}, runner {table.runner}"
    cells = "1 cell" if table.cells == 1 else f"{table.cells} cells"
    yield Text(f"{visible(places)}, {cells}", style="dim")
    job_width = min(_JOB_WIDTH, max(len(visible(row.job)) for row in table.rows))
    label_width = min(_SHELLS_WIDTH, max(len(visible(row.label)) for row in table.rows))
    heads = [_head(visible(column)) for column in table.columns]
    widths = [
        max(*map(len, head), *(len(row.entries[i]) for row in table.rows))
        for i, head in enumerate(heads)
    ]
    room = width - job_width - 2
    spare = room - sum(widths) - len(widths)
    label_width = max(min(label_width, spare), min(label_width, _NARROWEST_SHELLS))
    for block in _blocks(widths, room - label_width):
        narrow = narrowed(table, block)
        columns = [widths[i] for i in block]
        longest = max(len(visible(row.label)) for row in narrow.rows)
        labels = min(_SHELLS_WIDTH, longest, room - sum(columns) - len(columns))
        shown = _Shown([heads[i] for i in block], columns, job_width, max(labels, label_width))
        yield from _block(narrow, shown)
    short = [
        f"{' '.join(head)} = {visible(column)}".replace(" ", _TOGETHER)
        for head, column in zip(heads, table.columns, strict=True)
        if "-".join(head) != visible(column)
    ]
    if short:
        yield from _hanging("  ", "; ".join(short), width, style="dim")


def _blocks(widths: Sequence[int], room: int) -> Iterable[range]:
    """Columns that fit beside each other; a column that never fits stands alone."""
    start = used = 0
    for i, column in enumerate(widths):
        if i > start and used + column + 1 > room:
            yield range(start, i)
            start, used = i, 0
        used += column + 1
    yield range(start, len(widths))


def _block(table: Table, shown: _Shown) -> Iterable[Text]:
    indent = " " * (shown.job_width + shown.label_width + 2)
    for level in range(max(map(len, shown.heads))):
        parts = [head[level] if level < len(head) else "" for head in shown.heads]
        cells = (f" {part:<{n}}" for part, n in zip(parts, shown.widths, strict=True))
        yield Text((indent + "".join(cells)).rstrip(), style="bold")
    common: Row | None = None
    for row in table.rows:
        if common is None or row.job != common.job:
            common = row
        yield from _row(row, common, shown)


def _row(row: Row, common: Row, shown: _Shown) -> Iterable[Text]:
    """A job's row; of one that deviates from the first, what it has in common is dimmed."""
    first = row is common
    job_lines = _folded(visible(row.job), shown.job_width) if first else [""]
    label_lines = _folded(visible(row.label), shown.label_width)
    for n in range(max(len(job_lines), len(label_lines))):
        job = job_lines[n] if n < len(job_lines) else ""
        label = label_lines[n] if n < len(label_lines) else ""
        line = Text(f"{job:<{shown.job_width}} {label:<{shown.label_width}} ")
        if n == 0:
            for entry, usual, width in zip(row.entries, common.entries, shown.widths, strict=True):
                line.append(" ")
                line.append_text(_entry(entry, width, dimmed=not first and entry == usual))
        line.rstrip()
        yield line


def _entry(found: Sequence[Sign], width: int, dimmed: bool) -> Text:
    text = Text()
    for sign in found:
        text.append(sign.character, style="dim" if dimmed else sign.style)
    text.append(" " * (width - len(found)))
    return text


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=True) or [""]


def _head(column: str) -> list[str]:
    """A cancellation's id, a line for each of its words: a table has many narrow columns."""
    parts = column.split("-") if column else ["outcome"]
    return [_SHORT.get(part, part[:_LONGEST_PART]) for part in parts]


# -- below the tables


def _legend(width: int) -> Iterable[Text]:
    for axis, meanings in LEGEND:
        first = f"{axis:<15}"
        told = [f"{s.character}{_TOGETHER}{s.meaning}" for s in meanings]
        yield from _hanging(first, ";  ".join(told), width, style="dim")
    star = "bash* is bash with each of the flags that it has in that table"
    yield from _hanging(f"{'shells':<15}", star, width, style="dim")


def _summary(found: Summary, width: int) -> Iterable[Text]:
    title = f"{found.cells} cells" if found.cells != 1 else "1 cell"
    if found.attempts != found.cells:
        title += f", {found.attempts} observations"
    yield Text(title, style="bold")
    axes = (
        ("processes", found.processes),
        ("clean-up", found.cleanup),
        ("report", found.report),
    )
    for axis, counts in axes:
        told = "  ".join(f"{value} {count}" for value, count in counts.items() if count)
        yield Text(f"  {axis:<11}{told or 'nothing was measured'}")
    yield from _untold(found, width)
    if found.unstable:
        yield Text(f"Unstable: {len(found.unstable)}", style="bold magenta")
        for unstable in found.unstable:
            yield Text(f"  {visible(unstable.cell)}: {unstable.distribution}")
            for difference in unstable.differences:
                yield from _hanging("    ", visible(difference), width)


def _untold(found: Summary, width: int) -> Iterable[Text]:
    number = sum(len(untold.cells) for untold in found.untold)
    if number:
        yield Text(f"Could not tell: {number}", style="bold magenta")
    for untold in found.untold:
        yield from _hanging("  ", visible(untold.reason), width)
        yield from _hanging("    ", _named(untold.cells), width, style="dim")
    if found.missing:
        yield Text(f"Not measured: {len(found.missing)}", style="bold magenta")
        yield from _hanging("  ", _named(found.missing), width, style="dim")
    if found.unavailable:
        yield Text("Not tried:", style="bold magenta")
        for what, why in found.unavailable:
            yield from _hanging("  ", f"{visible(what)}: {visible(why)}", width)


def _named(cells: Sequence[str]) -> str:
    return listed([visible(cell) for cell in cells], most=_SHOWN)


def _hanging(first: str, text: str, width: int, style: str = "") -> Iterable[Text]:
    """A paragraph whose lines after the first are indented below its beginning."""
    room = max(width - len(first), 20)
    folded = textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=True) or [""]
    for n, line in enumerate(folded):
        indent = first if n == 0 else " " * len(first)
        yield Text(indent + line.replace(_TOGETHER, " "), style=style)


def _encodable(line: Text, encoding: str) -> Text:
    """The line in characters that the terminal has."""
    if encoding.lower().replace("-", "").startswith("utf"):
        return line
    plain = line.plain.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return Text(plain, spans=line.spans, style=line.style)
