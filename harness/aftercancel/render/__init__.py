"""What a person reads of a run.

``terminal`` and ``markdown`` show the matrix of a judged run (``Results``), ``story`` tells one
cell. ``tables``, ``summary`` and ``told`` give the same as data, for JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aftercancel.render.matrix import Table, tables
from aftercancel.render.results import Results, Section, Summary, summary
from aftercancel.render.rows import Row
from aftercancel.render.stories import Story, story, told

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Results",
    "Row",
    "Section",
    "Story",
    "Summary",
    "Table",
    "markdown",
    "story",
    "summary",
    "tables",
    "terminal",
    "told",
]


# Rich and tabulate take longer to import than a story takes to tell.


def terminal(results: Results, console: Console | None = None, width: int | None = None) -> None:
    """Print the matrix and its summary for people."""
    from aftercancel.render import terminals

    terminals.terminal(results, console, width)


def markdown(
    results: Results,
    title: str = "After the cancel",
    *,
    chances: bool = True,
    notices: Sequence[str] = (),
) -> str:
    """The matrix and its summary as a page of Markdown, below what makes the run incomplete.

    Without ``chances`` it does not say how often each behaviour of an unstable cell was seen.
    """
    from aftercancel.render import markdowns

    return markdowns.markdown(results, title, chances=chances, notices=notices)
