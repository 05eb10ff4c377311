"""The matrix as tables: a job with the shells that agree in a row, cancellations as columns.

Shells that behave alike for a job, over all columns of its table, share a row. So nothing is
averaged and nothing can vanish: every cell of a section is behind exactly one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from aftercancel.render.results import CellResult, Results
from aftercancel.render.signs import Sign, signs

_FLAGS = re.compile(r"-(?:e|xe)$")


class Words(NamedTuple):
    """The five words of a cell's id."""

    job: str
    shell: str
    launcher: str
    runner: str
    cancellation: str


@dataclass(frozen=True, slots=True)
class Row:
    """A job under shells that agree."""

    job: str
    shells: tuple[str, ...]
    label: str
    """The shells in few words: ``all 8``, ``bash* dash``."""
    entries: tuple[tuple[Sign, ...], ...]
    """In the order of the columns; empty where there is no such cell in the section."""


@dataclass(frozen=True, slots=True)
class Table:
    """One section's cells with the same launcher and runner."""

    section: str
    sentence: str
    launcher: str
    runner: str
    columns: tuple[str, ...]
    """Cancellations."""
    rows: tuple[Row, ...]
    cells: int
    """How many cells are behind the entries."""


def words(cell: str) -> Words:
    """An id's words; only the job may have a ``/`` in it (a user's own script)."""
    found = cell.rsplit("/", 4)
    return Words(*found) if len(found) == 5 else Words(cell, "", "", "", "")


def tables(results: Results) -> tuple[Table, ...]:
    """All sections as tables."""
    cells = results.cells()
    made = []
    for section in results.all_sections():
        grouped: dict[tuple[str, str], list[tuple[Words, CellResult]]] = {}
        for cell in section.cells:
            found = words(cell)
            grouped.setdefault((found.launcher, found.runner), []).append((found, cells[cell]))
        for (launcher, runner), members in grouped.items():
            columns = tuple(dict.fromkeys(found.cancellation for found, _ in members))
            made.append(
                Table(
                    section=section.id,
                    sentence=section.sentence,
                    launcher=launcher,
                    runner=runner,
                    columns=columns,
                    rows=tuple(_rows(members, columns)),
                    cells=len(members),
                )
            )
    return tuple(made)


def _rows(members: Sequence[tuple[Words, CellResult]], columns: Sequence[str]) -> Iterable[Row]:
    jobs: dict[str, dict[str, dict[str, tuple[Sign, ...]]]] = {}
    for found, result in members:
        entries = jobs.setdefault(found.job, {}).setdefault(found.shell, {})
        entries[found.cancellation] = signs(result)
    for job, by_shell in jobs.items():
        yield from _grouped(
            job, {s: tuple(row.get(c, ()) for c in columns) for s, row in by_shell.items()}
        )


def _grouped(job: str, by_shell: Mapping[str, tuple[tuple[Sign, ...], ...]]) -> Iterable[Row]:
    """The most common behaviour first, so that the others are seen to deviate from it."""
    alike: dict[tuple[tuple[Sign, ...], ...], list[str]] = {}
    for shell, entries in by_shell.items():
        alike.setdefault(entries, []).append(shell)
    for entries, shells in sorted(alike.items(), key=lambda item: -len(item[1])):
        yield Row(job, tuple(shells), label(shells, tuple(by_shell)), entries)


def narrowed(table: Table, columns: Sequence[int]) -> Table:
    """The table with some of its columns only, and rows put together that now agree.

    Rows without a cell in these columns go; their cells are in the others.
    """
    jobs: dict[str, dict[str, tuple[tuple[Sign, ...], ...]]] = {}
    for row in table.rows:
        entries = tuple(row.entries[i] for i in columns)
        if any(entries):
            jobs.setdefault(row.job, {}).update(dict.fromkeys(row.shells, entries))
    return replace(
        table,
        columns=tuple(table.columns[i] for i in columns),
        rows=tuple(row for job, by_shell in jobs.items() for row in _grouped(job, by_shell)),
        cells=sum(1 for rows in jobs.values() for row in rows.values() for entry in row if entry),
    )


def label(shells: Sequence[str], all_shells: Sequence[str]) -> str:
    """Some of a job's shells, in the fewest words that say which."""
    if len(shells) == len(all_shells):
        few = {1: shells[0], 2: "both shells"}
        return few.get(len(shells), f"all {len(shells)} shells")
    by_flags = _by_flags(shells, all_shells)
    if by_flags is not None:
        return by_flags
    plain = " ".join(_families(shells, all_shells))
    others = [shell for shell in all_shells if shell not in shells]
    exclusive = "all but " + " ".join(_families(others, all_shells))
    return exclusive if len(exclusive) <= len(plain) else plain


def _by_flags(shells: Sequence[str], all_shells: Sequence[str]) -> str | None:
    """Where the flags alone decide: ``all with -e or -xe``."""
    chosen, known = {_flags(s) for s in shells}, {_flags(s) for s in all_shells}
    if len(shells) < 3 or set(shells) != {s for s in all_shells if _flags(s) in chosen}:
        return None
    if chosen == {""}:
        return "all without flags"
    if "" in chosen:
        return f"all without {' or '.join(sorted(known - chosen))}"
    return f"all with {' or '.join(sorted(chosen))}"


def _flags(shell: str) -> str:
    found = _FLAGS.search(shell)
    return "" if found is None else found[0]


def _families(shells: Sequence[str], all_shells: Sequence[str]) -> list[str]:
    """``bash*`` for a shell with each of the flags that it has here."""
    members: dict[str, list[str]] = {}
    for shell in all_shells:
        members.setdefault(_FLAGS.sub("", shell), []).append(shell)
    found: list[str] = []
    for shell in shells:
        family = _FLAGS.sub("", shell)
        whole = len(members[family]) > 1 and all(member in shells for member in members[family])
        name = f"{family}*" if whole else shell
        if name not in found:
            found.append(name)
    return found
