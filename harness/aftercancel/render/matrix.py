"""The matrix as tables: what agrees about a job shares a row, cancellations are the columns.

Each runner has its own tables, since each has its own cancellations; the versions of one stand
beside each other in them, cancellation by cancellation.

What shares a row are shells, in a table for each launcher; where a section tries more launchers
than shells it is launchers, in one table. Those that behave alike for a job, over all columns of
its table, share a row. So nothing is averaged and nothing can vanish: every cell of a section is
behind exactly one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from aftercancel.judge.words import listed
from aftercancel.render.results import Results, Section
from aftercancel.render.rows import Alike, Member, Row, Words, regrouped, rows, usual_shell, words

INDEX = "Which of a job's rows is a launcher's: by the letter in front of it."
"""What stands above an index."""
VERSION = " @"
"""Between a cancellation and a runner's version, in the name of a column."""

_NAMED = 4
"""As many versions are named above a table."""


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
    """Cancellations; where the runner has several versions, each with each: ``cancel @3.62.0``."""
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
    made: list[Table] = []
    for section in results.all_sections():
        by_runner: dict[str, list[Member]] = {}
        for cell in section.cells:
            found = words(cell)
            runner = found.runner.partition("@")[0]
            by_runner.setdefault(runner, []).append((found, cells[cell]))
        for runner, members in by_runner.items():
            made += _of_runner(section, runner, members)
    return tuple(made)


def _of_runner(section: Section, runner: str, members: Sequence[Member]) -> Iterator[Table]:
    """Its tables in a section: one, or one for each launcher."""
    alike = _what_varies(members)
    versions = sorted({found.runner.partition("@")[2] for found, _ in members}, key=_natural)
    if len(versions) > 1:
        place = f"runner {runner} in {_some(versions)}"
        columns = _beside_each_other(members, versions)
        members = [(_with_version(found), result) for found, result in members]
    else:
        place = f"runner {members[0][0].runner}"
        columns = list(dict.fromkeys(found.cancellation for found, _ in members))
    by_launcher: dict[str | None, list[Member]] = {}
    for member in members:
        apart = member[0].launcher if alike is Alike.SHELLS else None
        by_launcher.setdefault(apart, []).append(member)
    for group in by_launcher.values():
        here = {found.cancellation for found, _ in group}
        launchers = tuple(dict.fromkeys(found.launcher for found, _ in group))
        tried = tuple(column for column in columns if column in here)
        yield Table(
            section=section.id,
            sentence=section.sentence,
            place=f"{_place(group, alike)}, {place}",
            alike=alike,
            launchers=launchers,
            columns=tried,
            rows=rows(group, tried, alike, launchers),
            cells=len(group),
        )


def _some(versions: Sequence[str]) -> str:
    if len(versions) > _NAMED:
        return f"{len(versions)} versions, {versions[0]} to {versions[-1]}"
    return f"versions {listed(versions)}"


def _beside_each_other(members: Sequence[Member], versions: Sequence[str]) -> list[str]:
    """The columns of a runner with several versions: each cancellation with all that tried it."""
    cancellations = dict.fromkeys(found.cancellation for found, _ in members)
    return [_column(each, version) for each in cancellations for version in versions]


def _column(cancellation: str, version: str) -> str:
    return f"{cancellation}{VERSION}{version}" if version else cancellation


def _with_version(found: Words) -> Words:
    version = found.runner.partition("@")[2]
    return found._replace(cancellation=_column(found.cancellation, version))


def _natural(version: str) -> list[tuple[int, str]]:
    """For sorting: 3.62.0 comes before 3.137.0."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", version)]


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
    match alike:
        case Alike.SHELLS:
            return f"launcher {members[0][0].launcher}"
        case Alike.LAUNCHERS:
            several = len({found.shell for found, _ in members}) > 1
            shell = f"shell {usual_shell(members)}{' unless said' if several else ''}"
            return f"{len({found.launcher for found, _ in members})} launchers, {shell}"
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
