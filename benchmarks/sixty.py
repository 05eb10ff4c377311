"""Sixty cells that can be done in a container each: fixed, so that figures can be compared.

Eight shells with seven pairs of a job and a cancellation, and four of Python. Every one of these
jobs comes to its end when it is cancelled like that, so no time-out of the usual way is counted
against it; and every one needs only what an image of the shells has.
"""

from __future__ import annotations

from aftercancel.catalog import Catalogue
from aftercancel.model import Action, Cell, Target

_SHELLS = ("bash", "bash-posix", "dash", "ash", "mksh", "ksh93", "zsh", "yash")
_SHELL_PAIRS = (
    ("no-trap", "TERM-group"),
    ("exit-trap", "TERM-group"),
    ("exit-trap", "end"),
    ("wait-trick", "TERM-process"),
    ("all-traps", "HUP-group"),
    ("lock-file", "INT-group"),
    ("pipeline", "TERM-group"),
)
_PYTHON_PAIRS = (
    ("py-finally", "TERM-group"),
    ("py-finally", "INT-process"),
    ("py-atexit", "end"),
    ("py-popen-child", "TERM-group"),
)


def ids() -> tuple[str, ...]:
    shells = [f"{j}/{s}/none/plain/{c}" for s in _SHELLS for j, c in _SHELL_PAIRS]
    return (*shells, *(f"{j}/python3/none/plain/{c}" for j, c in _PYTHON_PAIRS))


def cells(catalogue: Catalogue) -> tuple[Cell, ...]:
    chosen = tuple(catalogue.cell(name) for name in ids())
    for cell in chosen:
        refuse_what_a_container_cannot(cell)
    return chosen


def expression(catalogue: Catalogue) -> str:
    """For ``-k``, which matches parts of ids: what else would match is named and left out."""
    wanted = ids()
    others = [
        cell.id
        for cell in catalogue.cells()
        if cell.id not in wanted and any(name.lower() in cell.id.lower() for name in wanted)
    ]
    chosen = f"({' or '.join(wanted)})"
    return f"{chosen} and not ({' or '.join(others)})" if others else chosen


def refuse_what_a_container_cannot(cell: Cell) -> None:
    """Only signals to the process or its group can be sent from outside with the engine's means."""
    for step in cell.cancellation.steps:
        signals = step.action is Action.SIGNAL and step.to in {Target.PROCESS, Target.GROUP}
        if not signals and step.action is not Action.WAIT:
            raise ValueError(f"{cell.id} cannot be cancelled through a container engine")
