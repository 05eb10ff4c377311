"""What of some cells is not there where they are to run: why they are not tried, and how to get it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aftercancel.model import Cell, Launcher
from aftercancel.programs import HERE, Program, Whereabouts, of_launcher, of_need, of_shell


def not_here(launcher: Launcher, where: Whereabouts = HERE) -> str | None:
    """Why this launcher's cells cannot be measured there, and what to do; None: they can."""
    return _lacking(of_launcher(launcher), where, launcher.get)


def _lacking(needed: Iterable[Program], where: Whereabouts, get: str = "") -> str | None:
    lacking = [program for program in needed if where.path(program) is None]
    if not lacking:
        return None
    names = list(dict.fromkeys(program.command for program in lacking))
    are = "is" if len(names) == 1 else "are"
    return f"{' and '.join(names)} {are} not there: {where.remedy(lacking, get)}"


@dataclass(frozen=True, slots=True)
class Absent:
    """What of some cells is not there, with the words of each.

    Launchers and real runners by their ids; of an image also shells (``shell zsh``) and jobs whose
    programs are missing (``job flock``). What a place cannot have stands there by its own name
    (``Beyond``).
    """

    words: Mapping[str, str]
    beyond: Mapping[str, str] = field(default_factory=dict)
    """By cell: which of these words is what the place cannot have."""

    def of(self, cell: Cell) -> str | None:
        """Which word of the cell keeps it from being tried; None: it can be."""
        if self.beyond and cell.id in self.beyond:
            return self.beyond[cell.id]
        return next((word for word in _words(cell) if word in self.words), None)

    def why(self, cell: Cell) -> str | None:
        """The words of that."""
        word = self.of(cell)
        return None if word is None else self.words[word]

    def without(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells that can be tried."""
        return [cell for cell in cells if self.of(cell) is None]


def _words(cell: Cell) -> Iterator[str]:
    yield f"shell {cell.shell.family}"
    yield cell.launcher.id
    yield cell.runner.id
    yield f"job {cell.job.id}"


def absent(
    cells: Iterable[Cell],
    runners: Mapping[str, str] | None = None,
    where: Whereabouts = HERE,
) -> Absent:
    """Of these cells; ``runners``: the real ones that were not found, with the words of each."""
    asked = tuple(cells)
    judged = [(cell, where.beyond(cell)) for cell in asked]
    beyond = {cell.id: found for cell, found in judged if found is not None}
    wanted = tuple(cell for cell, found in judged if found is None)
    launchers = {cell.launcher.id: cell.launcher for cell in wanted}
    needs = {
        **_of_shells_and_jobs(wanted, where),
        **{name: not_here(launcher, where) for name, launcher in launchers.items()},
    }
    words = {name: words for name, words in needs.items() if words is not None}
    used = {cell.runner.id for cell in wanted}
    words |= {name: why for name, why in (runners or {}).items() if name in used}
    words |= {found.what: found.why for found in beyond.values()}
    return Absent(words, {name: found.what for name, found in beyond.items()})


def _of_shells_and_jobs(cells: Iterable[Cell], where: Whereabouts) -> dict[str, str | None]:
    needed: dict[str, tuple[Program, ...]] = {}
    for cell in cells:
        needed[f"shell {cell.shell.family}"] = (of_shell(cell.shell),)
        if cell.job.needs:
            needed[f"job {cell.job.id}"] = tuple(map(of_need, cell.job.needs))
    return {
        word: _lacking((each for each in programs if not where.must_have(each)), where)
        for word, programs in needed.items()
    }
