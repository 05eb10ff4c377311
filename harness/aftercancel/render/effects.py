"""The table of a forced terminal's effects, for a terminal and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text
from tabulate import tabulate

from aftercancel.judge.effects import WITH, WITHOUT, Compared, Difference, Side
from aftercancel.render.markdowns import escaped
from aftercancel.render.summaries import TOGETHER, hanging

SIGNS = {
    Difference.DIFFERS: ("≠", "differs: the effect shows", "yellow"),
    Difference.SAME: ("=", "the same", "green"),
    Difference.COULD_NOT_TELL: ("?", "could not tell", "magenta"),
    Difference.NOT_MEASURED: ("-", "not measured", "magenta"),
}
_TITLE = "What a forced terminal does to a job that does not want one"
_COLUMNS = ("without -tt", "with -tt")
_GAP = 2
_WIDEST = 120
"""Beyond that an eye no longer finds the way from column to column."""
_ASCII = str.maketrans({"≠": "!", "“": '"', "”": '"', "…": "~", "×": "x"})


def terminal(
    table: Sequence[Compared], console: Console | None = None, width: int | None = None
) -> None:
    """Print the table for people. Colour only helps to find the signs."""
    console = console or Console(width=width, highlight=False)
    for line in lines(table, console.width):
        console.print(_encodable(line, console.encoding), soft_wrap=True, highlight=False)


def lines(table: Sequence[Compared], width: int) -> Iterable[Text]:
    """Everything that is printed, line by line."""
    widths = _widths(min(width, _WIDEST))
    for group, rows in _groups(table):
        yield Text(group, style="bold")
        yield from _line(("", *_COLUMNS), widths, sign=" ", style="dim")
        for row in rows:
            sign, _, style = SIGNS[row.difference]
            sides = (words(side) for side in (row.without, row.with_terminal))
            yield from _line((row.question, *sides), widths, sign, style)
            yield Text(f"  {_both(row)}", style="dim")
        yield Text()
    told = [
        f"{sign}{TOGETHER}{meaning}".replace(" ", TOGETHER) for sign, meaning, _ in SIGNS.values()
    ]
    yield from hanging("", "  ".join(told), width, style="dim")
    where = f"In the cells' names * is {WITHOUT} or {WITH}: `aftercancel show CELL` tells either."
    yield from hanging("", where, width, style="dim")
    yield Text(numbers(table), style="bold")


def numbers(table: Sequence[Compared]) -> str:
    """The table in one line."""
    count = {each: sum(row.difference is each for row in table) for each in Difference}
    parts = [f"{each} {n}" for each, n in count.items() if n]
    questions = "1 question" if len(table) == 1 else f"{len(table)} questions"
    return f"{questions}: {', '.join(parts)}"


def markdown(table: Sequence[Compared]) -> str:
    """The table as a section of a Markdown page, the evidence's cells named in full."""
    blocks = [f"## {_TITLE}", f"{escaped(numbers(table))}."]
    for group, rows in _groups(table):
        entries = [
            [
                escaped(row.question),
                escaped(words(row.without)),
                escaped(words(row.with_terminal)),
                _bold(row.difference),
                "<br>".join(f"`{side.cell}`" for side in (row.without, row.with_terminal)),
            ]
            for row in rows
        ]
        headers = ["question", *_COLUMNS, "", "evidence"]
        blocks.append(f"### {escaped(group)}")
        blocks.append(tabulate(entries, headers, tablefmt="github", disable_numparse=True))
    return "\n\n".join(blocks) + "\n"


def words(side: Side) -> str:
    """What was seen on one side, or why nothing was."""
    if not side.measured:
        return str(Difference.NOT_MEASURED)
    answers = list(side.seen)
    if side.why_not:
        answers.append(f"{Difference.COULD_NOT_TELL}: {side.why_not}")
    return "; at another attempt: ".join(answers)


def _groups(table: Sequence[Compared]) -> Iterable[tuple[str, list[Compared]]]:
    for group, rows in groupby(table, key=lambda row: row.group):
        yield group, list(rows)


def _bold(difference: Difference) -> str:
    return str(difference) if difference is Difference.SAME else f"**{difference}**"


def _both(row: Compared) -> str:
    """The two cells, which differ in their launcher only, in one line."""
    return row.without.cell.replace(f"/{WITHOUT}/", "/*/")


def _widths(width: int) -> tuple[int, ...]:
    """Of the three columns; the sides have more to say than the question."""
    room = max(width - 2 - 2 * _GAP, 30)
    question = room * 3 // 8
    without = (room - question) * 4 // 10
    return question, without, room - question - without


def _line(cells: Sequence[str], widths: Sequence[int], sign: str, style: str) -> Iterable[Text]:
    """One row, as many lines as its longest cell takes."""
    folded = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for n in range(max(map(len, folded))):
        parts = [column[n] if n < len(column) else "" for column in folded]
        line = Text(sign if n == 0 else " ", style=style)
        text = (" " * _GAP).join(f"{p:<{w}}" for p, w in zip(parts, widths, strict=True))
        line.append(f" {text}".rstrip(), style="not bold" if style != "dim" else "dim")
        yield line


def _encodable(line: Text, encoding: str) -> Text:
    """The line in characters that the terminal has."""
    if encoding.lower().replace("-", "").startswith("utf"):
        return line
    plain = line.plain.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return Text(plain, spans=line.spans, style=line.style)
