"""The matrix in a terminal, or in a file where there is none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from aftercancel.judge.words import visible
from aftercancel.render.matrix import INDEX, VERSION, Table, narrowed, tables
from aftercancel.render.results import Results, summary
from aftercancel.render.rows import Alike, Row
from aftercancel.render.signs import Sign
from aftercancel.render.summaries import TOGETHER, beside, hanging, legend, numbers

_JOB_WIDTH = 24
_LABEL_WIDTH = {Alike.SHELLS: 28, Alike.LAUNCHERS: 44}
_NARROWEST_SHELLS = 11
_INDEX_WIDTH = 30
_LONGEST_PART = 5
_SHORT = {
    "process": "proc",
    "backslash": "bksl",
    "output": "out",
    "closed": "clos",
    "connection": "conn",
    "killed": "kill",
    "request": "req",
    "restart": "again",
}
_WHOLE = frozenset(
    {
        *("cancel", "canceled", "canceling", "docker", "engine", "forgotten", "runner", "script"),
        *("server", "timeout"),
    }
)
"""Cut, these would look like each other, or like nothing."""
_ASCII = str.maketrans({"✓": "+", "·": ".", "×": "x", "–": "-", "—": "-", "…": "~", "→": ">"})


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
    shown = tables(results)
    for table in shown:
        if table.section != section:
            section = table.section
            heading = Text(visible(table.section), style="bold")
            if table.sentence:
                heading.append(f"  {visible(table.sentence)}", style="not bold")
            yield Text()
            yield heading
        yield from _table(table, width)
        yield from _index(table, width)
    yield Text()
    yield from legend(width, tuple(dict.fromkeys(table.alike for table in shown)))
    yield Text()
    yield from beside(results.models, width)
    yield from numbers(summary(results), width)


# -- tables


class _Shown(NamedTuple):
    """The columns that stand beside each other, and how wide everything is."""

    heads: list[list[str]]
    widths: list[int]
    job_width: int
    label_width: int
    alike: Alike


def _table(table: Table, width: int) -> Iterable[Text]:
    cells = "1 cell" if table.cells == 1 else f"{table.cells} cells"
    yield from hanging("", f"{visible(table.place)}, {cells}", width, style="dim")
    widest = _LABEL_WIDTH[table.alike]
    # A title that names its shell has it below the job: the width is wanted for launchers.
    titles = [part for row in table.rows for part in row.title.partition(" (")[::2]]
    job_width = min(_JOB_WIDTH, max(len(visible(part)) for part in titles))
    label_width = min(widest, max(len(_label(row)) for row in table.rows))
    heads = _heads([visible(column) for column in table.columns])
    widths = [
        max(*map(len, head), *(len(row.entries[i]) for row in table.rows))
        for i, head in enumerate(heads)
    ]
    room = width - job_width - 2
    spare = room - sum(widths) - len(widths)
    label_width = max(min(label_width, spare), min(label_width, _narrowest(table)))
    for block in _blocks(widths, room - label_width):
        narrow = narrowed(table, block)
        columns = [widths[i] for i in block]
        longest = max(len(_label(row)) for row in narrow.rows)
        labels = min(widest, longest, room - sum(columns) - len(columns))
        shown = _Shown(
            heads=[heads[i] for i in block],
            widths=columns,
            job_width=job_width,
            label_width=max(labels, label_width),
            alike=table.alike,
        )
        yield from _block(narrow, shown)
    short = dict.fromkeys(
        f"{' '.join(head)} = {name}".replace(" ", TOGETHER)
        for head, name in map(_named, heads, map(visible, table.columns))
        if "-".join(head) != name
    )
    if short:
        yield from hanging("  ", "; ".join(short), width, style="dim")


def _narrowest(table: Table) -> int:
    """How narrow labels may get for more columns beside them: the name of a launcher stays whole."""
    if table.alike is Alike.SHELLS:
        return _NARROWEST_SHELLS
    names = ((row.letter, name) for row in table.rows for name in visible(row.label).split())
    return max(len(f"{letter} {name}".lstrip()) for letter, name in names)


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
    yield from _headings(shown.heads, shown.widths, shown.job_width + shown.label_width + 2)
    common: Row | None = None
    for row in table.rows:
        if common is None or row.title != common.title:
            common = row
        yield from _row(row, common, shown)


def _headings(heads: Sequence[Sequence[str]], widths: Sequence[int], indent: int) -> Iterable[Text]:
    for level in range(max(map(len, heads))):
        parts = [head[level] if level < len(head) else "" for head in heads]
        cells = (f" {part:<{n}}" for part, n in zip(parts, widths, strict=True))
        yield Text((" " * indent + "".join(cells)).rstrip(), style="bold")


def _row(row: Row, common: Row, shown: _Shown) -> Iterable[Text]:
    """A job's row; of one that deviates from the first, what it has in common is dimmed."""
    first = row is common
    job_lines = _folded(visible(row.title), shown.job_width) if first else [""]
    label_lines = _folded_label(row, shown.label_width, shown.alike)
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


def _label(row: Row) -> str:
    return visible(f"{row.letter} {row.label}".lstrip())


def _folded_label(row: Row, width: int, alike: Alike) -> list[str]:
    """Launchers hang behind their letter, and their names are not broken: people look for them."""
    if alike is Alike.SHELLS:
        return _folded(_label(row), width)
    indent = " " * (len(row.letter) + 1) if row.letter else ""
    room = max(width, len(indent) + 1)
    return textwrap.wrap(_label(row), room, subsequent_indent=indent, break_on_hyphens=False)


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=True) or [""]


def _heads(columns: Sequence[str]) -> list[list[str]]:
    """Ids of cancellations, a line for each of their words: a table has many narrow columns.

    A runner's version is the last line of its head.
    """
    parts = [column.partition(VERSION) for column in columns]
    deepest = max(len(_head(name)) for name, _, _ in parts)
    return [
        [*_head(name), *[""] * (deepest - len(_head(name))), version] if version else _head(name)
        for name, _, version in parts
    ]


def _named(head: Sequence[str], column: str) -> tuple[Sequence[str], str]:
    """A column's head and id, both without the version."""
    name, sign, _ = column.partition(VERSION)
    return [part for part in (head[:-1] if sign else head) if part], name


def _head(column: str) -> list[str]:
    parts = column.split("-") if column else ["outcome"]
    cut = (part if part in _WHOLE else part[:_LONGEST_PART] for part in parts)
    return [_SHORT.get(part, short) for part, short in zip(parts, cut, strict=True)]


# -- which row is whose


def _index(table: Table, width: int) -> Iterable[Text]:
    """A line for each launcher: by which letters its rows go, job by job."""
    index = table.index
    if not index:
        return
    yield Text()
    yield from hanging("", INDEX, width, style="dim")
    titles = [_head(visible(title)) for title in table.titles]
    widths = [max(map(len, head)) for head in titles]
    names = min(_INDEX_WIDTH, max(len(visible(launcher)) for launcher in index))
    for block in _blocks(widths, width - names - 1):
        heads, columns = [titles[i] for i in block], [widths[i] for i in block]
        yield from _headings(heads, columns, names + 1)
        usual: Sequence[str] = ()
        for launcher, letters in index.items():
            some = [letters[i] for i in block]
            usual = usual or some
            for n, name in enumerate(_folded(visible(launcher), names)):
                line = Text(f"{name:<{names}} ")
                for letter, same, column in zip(some, usual, columns, strict=True):
                    style = "dim" if letter == same else "bold"
                    line.append(f" {letter if n == 0 else '':<{column}}", style=style)
                line.rstrip()
                yield line


def _encodable(line: Text, encoding: str) -> Text:
    """The line in characters that the terminal has."""
    if encoding.lower().replace("-", "").startswith("utf"):
        return line
    plain = line.plain.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return Text(plain, spans=line.spans, style=line.style)
