"""What stands below the tables in a terminal: the signs explained, and the run in numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.text import Text

from aftercancel.judge.models import Agreement
from aftercancel.judge.words import listed, visible
from aftercancel.render import models
from aftercancel.render.results import Summary
from aftercancel.render.rows import Alike
from aftercancel.render.signs import LEGEND

TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands for a space at which no line is broken."""
_SHOWN = 5
"""How many cells are named for one reason; the number of the others is said."""


def legend(width: int, alike: Iterable[Alike]) -> Iterable[Text]:
    """What the signs mean, and the stars of what shares rows."""
    for axis, meanings in LEGEND:
        first = f"{axis:<15}"
        told = [f"{s.character}{TOGETHER}{s.meaning}" for s in meanings]
        yield from hanging(first, ";  ".join(told), width, style="dim")
    for what in alike:
        yield from hanging(f"{what:<15}", what.star, width, style="dim")


def beside(found: Sequence[Agreement], width: int) -> Iterable[Text]:
    """Models beside the real runners, a line each; nothing where the run has no model."""
    if not found:
        return
    yield Text(models.HEADING, style="bold")
    for each in found:
        style = "yellow" if each.differing else "" if each.cells else "dim"
        for n, line in enumerate(hanging("  ", models.in_short(each), width, style=style)):
            yield line if n == 0 else Text(f"  {line.plain}", style=style)
    yield Text()


def numbers(found: Summary, width: int) -> Iterable[Text]:
    """The run in numbers, and by name what is not a plain outcome."""
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
                yield from hanging("    ", visible(difference), width)


def _untold(found: Summary, width: int) -> Iterable[Text]:
    number = sum(len(untold.cells) for untold in found.untold)
    if number:
        yield Text(f"Could not tell: {number}", style="bold magenta")
    for untold in found.untold:
        yield from hanging("  ", visible(untold.reason), width)
        yield from hanging("    ", _named(untold.cells), width, style="dim")
    if found.missing:
        yield Text(f"Not measured: {len(found.missing)}", style="bold magenta")
        yield from hanging("  ", _named(found.missing), width, style="dim")
    if found.unavailable:
        yield Text("Not tried:", style="bold magenta")
        for what, why in found.unavailable:
            yield from hanging("  ", f"{visible(what)}: {visible(why)}", width)


def _named(cells: Sequence[str]) -> str:
    return listed([visible(cell) for cell in cells], most=_SHOWN)


def hanging(first: str, text: str, width: int, style: str = "") -> Iterable[Text]:
    """A paragraph whose lines after the first are indented below its beginning."""
    room = max(width - len(first), 20)
    folded = textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=True) or [""]
    for n, line in enumerate(folded):
        indent = first if n == 0 else " " * len(first)
        yield Text(indent + line.replace(TOGETHER, " "), style=style)
