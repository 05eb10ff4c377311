"""The matrix as tables: what agrees about a job shares a row, cancellations are the columns.

What shares a row are shells, in a table for each launcher; where a section tries more launchers
than shells it is launchers, in one table. Those that behave alike for a job, over all columns of
its table, share a row. So nothing is averaged and nothing can vanish: every cell of a section is
behind exactly one entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from aftercancel.render.results import Results
from aftercancel.render.rows import Alike, Member, Row, regrouped, rows, usual_shell, words

INDEX = "Which of a job's rows is a launcher's: by the letter in front of it."
"""What stands above an index."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of one section with the same runner."""

    section: str
    sentence: str
    place: str
    """What all its cells have in common: ``launcher none, runner plain``."""
    alike: Alike
    launchers: tuple[str, ...]
    columns: tuple[str, ...]
    """Cancellations."""
    rows: tuple[Row, ...]
    cells: int
    """How many cells are behind the entries."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Of the rows, each once."""
        return tuple(dict.fromkeys(row.title for row in self.rows))

    @property
    def index(self) -> Mapping[str, tuple[str, ...]]:
        """For each launcher the letters of its rows, in the order of the titles.

        By name, and ``none`` first, so that what a launcher changes is seen beside it.
        """
        letters: dict[str, dict[str, str]] = {}
        for row in self.rows:
            if row.letter:
                for launcher in row.launchers:
                    letters.setdefault(launcher, {})[row.title] = row.letter
        return {
            launcher: tuple(letters[launcher].get(title, "") for title in self.titles)
            for launcher in sorted(letters, key=lambda name: (name != "none", name))
        }


def tables(results: Results) -> tuple[Table, ...]:
    """All sections as tables."""
    cells = results.cells()
    made = []
    for section in results.all_sections():
        members = [(words(cell), cells[cell]) for cell in section.cells]
        by_runner: dict[str, list[Member]] = {}
        for member in members:
            by_runner.setdefault(member[0].runner, []).append(member)
        alike = {runner: _what_varies(found) for runner, found in by_runner.items()}
        grouped: dict[tuple[str, str | None], list[Member]] = {}
        for member in members:
            found = member[0]
            apart = found.launcher if alike[found.runner] is Alike.SHELLS else None
            grouped.setdefault((found.runner, apart), []).append(member)
        for (runner, _), group in grouped.items():
            columns = tuple(dict.fromkeys(found.cancellation for found, _ in group))
            launchers = tuple(dict.fromkeys(found.launcher for found, _ in group))
            made.append(
                Table(
                    section=section.id,
                    sentence=section.sentence,
                    place=_place(group, alike[runner]),
                    alike=alike[runner],
                    launchers=launchers,
                    columns=columns,
                    rows=rows(group, columns, alike[runner], launchers),
                    cells=len(group),
                )
            )
    return tuple(made)


def _what_varies(members: Sequence[Member]) -> Alike:
    """Launchers where some job has more of them with one shell than shells with one launcher."""
    launchers: dict[tuple[str, str], set[str]] = {}
    shells: dict[tuple[str, str], set[str]] = {}
    for found, _ in members:
        launchers.setdefault((found.job, found.shell), set()).add(found.launcher)
        shells.setdefault((found.job, found.launcher), set()).add(found.shell)
    more = max(map(len, launchers.values())) > max(map(len, shells.values()))
    return Alike.LAUNCHERS if more else Alike.SHELLS


def _place(members: Sequence[Member], alike: Alike) -> str:
    runner = f"runner {members[0][0].runner}"
    match alike:
        case Alike.SHELLS:
            return f"launcher {members[0][0].launcher}, {runner}"
        case Alike.LAUNCHERS:
            several = len({found.shell for found, _ in members}) > 1
            shell = f"shell {usual_shell(members)}{' unless said' if several else ''}"
            return f"{len({found.launcher for found, _ in members})} launchers, {shell}, {runner}"
        case _:
            assert_never(alike)


def narrowed(table: Table, columns: Sequence[int]) -> Table:
    """The table with some of its columns only, and rows put together that now agree.

    Rows without a cell in these columns go; their cells are in the others.
    """
    kept = [
        replace(row, entries=entries)
        for row in table.rows
        if any(entries := tuple(row.entries[i] for i in columns))
    ]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in columns),
        rows=regrouped(kept, table.alike, table.launchers),
        cells=sum(
            len(row.shells) * len(row.launchers) for row in kept for entry in row.entries if entry
        ),
    )
