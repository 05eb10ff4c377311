"""Rows of the matrix: one job, and those of its shells or of its launchers that behave alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, assert_never

from aftercancel.render import labels
from aftercancel.render.results import CellResult
from aftercancel.render.signs import Sign, signs

FEW_LAUNCHERS = 16
"""As many are found by looking at the rows; more of them need an index."""

Entries = tuple[tuple[Sign, ...], ...]
"""One for each column."""


class Words(NamedTuple):
    """The five words of a cell's id."""

    job: str
    shell: str
    launcher: str
    runner: str
    cancellation: str


class Alike(StrEnum):
    """What shares a row where it behaves alike."""

    SHELLS = "shells"
    LAUNCHERS = "launchers"

    @property
    def star(self) -> str:
        """What ``*`` means in a label, for a legend."""
        match self:
            case Alike.SHELLS:
                return "bash* is bash with each of the flags that it has in that table"
            case Alike.LAUNCHERS:
                return "ssh* is every launcher of that table whose name begins so"
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class Row:
    """A job under shells, or behind launchers, that agree."""

    job: str
    title: str
    """The job, with its shell where the table has several: ``py-plain (python3)``."""
    shells: tuple[str, ...]
    launchers: tuple[str, ...]
    label: str
    """The shells or launchers in few words: ``all 8 shells``, ``bash* dash``."""
    entries: Entries
    """In the order of the columns; empty where there is no such cell in the section."""
    letter: str = ""
    """What the table's index calls the row, among those of its job."""


def words(cell: str) -> Words:
    """An id's words; only the job may have a ``/`` in it (a user's own script)."""
    found = cell.rsplit("/", 4)
    return Words(*found) if len(found) == 5 else Words(cell, "", "", "", "")


Member = tuple[Words, CellResult]


def usual_shell(members: Sequence[Member]) -> str:
    """Under which most jobs run; a title that says no shell means this one."""
    jobs = dict.fromkeys((found.job, found.shell) for found, _ in members)
    shells = [shell for _, shell in jobs]
    return max(dict.fromkeys(shells), key=shells.count)


class _Subject(NamedTuple):
    """Whose shells, or whose launchers, are compared: rows with one of them stand together."""

    job: str
    title: str
    fixed: str
    """The launcher where shells are compared, the shell where launchers are."""


def rows(
    members: Sequence[Member], columns: Sequence[str], alike: Alike, launchers: Sequence[str]
) -> tuple[Row, ...]:
    """Every row of one table."""
    usual = usual_shell(members)
    shells: dict[str, set[str]] = {}
    for found, _ in members:
        shells.setdefault(found.job, set()).add(found.shell)
    subjects: dict[_Subject, dict[str, dict[str, tuple[Sign, ...]]]] = {}
    for found, result in members:
        if alike is Alike.SHELLS:
            subject, one = _Subject(found.job, found.job, found.launcher), found.shell
        else:
            plain = shells[found.job] == {usual}
            title = found.job if plain else f"{found.job} ({found.shell})"
            subject, one = _Subject(found.job, title, found.shell), found.launcher
        entries = subjects.setdefault(subject, {}).setdefault(one, {})
        entries[found.cancellation] = signs(result)
    lettered = alike is Alike.LAUNCHERS and len(launchers) > FEW_LAUNCHERS
    return tuple(
        row
        for subject, by_one in subjects.items()
        for row in _grouped(
            subject,
            {one: tuple(row.get(c, ()) for c in columns) for one, row in by_one.items()},
            alike,
            launchers,
            lettered=lettered,
        )
    )


def _grouped(
    subject: _Subject,
    by_one: Mapping[str, Entries],
    alike: Alike,
    all_launchers: Sequence[str],
    *,
    lettered: bool,
) -> Iterable[Row]:
    """The most common behaviour first, so that the others are seen to deviate from it."""
    groups: dict[Entries, list[str]] = {}
    for one, entries in by_one.items():
        groups.setdefault(entries, []).append(one)
    common_first = sorted(groups.items(), key=lambda item: -len(item[1]))
    for n, (entries, some) in enumerate(common_first):
        fixed: tuple[str, ...] = (subject.fixed,)
        if alike is Alike.LAUNCHERS:
            shells, launchers = fixed, tuple(some)
            # Not every job is tried with each: "all" and "all but" are said of the whole table.
            label = labels.of_launchers(launchers, all_launchers)
        else:
            shells, launchers = tuple(some), fixed
            label = labels.of_shells(shells, tuple(by_one))
        yield Row(
            job=subject.job,
            title=subject.title,
            shells=shells,
            launchers=launchers,
            label=label,
            entries=entries,
            letter=_letter(n) if lettered else "",
        )


def _letter(n: int) -> str:
    """``a`` to ``z``, then ``aa``."""
    return (_letter(n // 26 - 1) if n >= 26 else "") + chr(ord("a") + n % 26)


def regrouped(rows: Sequence[Row], alike: Alike, launchers: Sequence[str]) -> tuple[Row, ...]:
    """Rows that have lost columns, with those put together that now agree.

    Rows that an index names keep their letters, and so stay apart. ``launchers`` are those of the
    whole table.
    """
    if any(row.letter for row in rows):
        return tuple(rows)
    subjects: dict[_Subject, dict[str, Entries]] = {}
    for row in rows:
        fixed, some = row.launchers[0], row.shells
        if alike is Alike.LAUNCHERS:
            fixed, some = row.shells[0], row.launchers
        subject = _Subject(row.job, row.title, fixed)
        subjects.setdefault(subject, {}).update(dict.fromkeys(some, row.entries))
    return tuple(
        row
        for subject, by_one in subjects.items()
        for row in _grouped(subject, by_one, alike, launchers, lettered=False)
    )
