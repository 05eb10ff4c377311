"""The words of a cell's id as the axes on which cases differ, and patterns of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

_FLAGS = re.compile(r"^(?P<family>.+?)(?:-(?P<flags>e|xe))?$")
_AIMED = re.compile(
    r"^(?P<signal>[A-Z][A-Z0-9]+)-(?P<target>process|group|leaf-first)(?P<sender>-by-root)?$"
)
_BRACES = re.compile(r"\{([^{}]*)\}")


class CellWords(NamedTuple):
    """A cell's id taken apart. What is not there is empty."""

    job: str
    shell: str
    """The shell without its flags."""
    flags: str
    launcher: str
    runner: str
    """The runner without its version."""
    version: str
    cancellation: str
    signal: str
    """Of the cancellation, where it is one signal to somebody: ``TERM``."""
    target: str
    """To whom: ``process``, ``group``, ``leaf-first``; with the sender, where that is root."""


AXES = CellWords._fields


@cache
def words(cell: str) -> CellWords:
    """The id's words; only the job may have a ``/`` in it (a user's own script)."""
    found = cell.rsplit("/", 4)
    job, shell, launcher, runner, cancellation = (*found, "", "", "", "")[:5]
    family = _FLAGS.match(shell)
    name, _, version = runner.partition("@")
    aimed = _AIMED.match(cancellation)
    return CellWords(
        job=job,
        shell=family["family"] if family else shell,
        flags=f"-{family['flags']}" if family and family["flags"] else "",
        launcher=launcher,
        runner=name,
        version=version,
        cancellation=cancellation,
        signal=aimed["signal"] if aimed else "",
        target=f"{aimed['target']}{aimed['sender'] or ''}" if aimed else "",
    )


def fits(cell: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns means the cell."""
    own = cell.rsplit("/", 4)
    return any(_fits(own, alternative) for each in patterns for alternative in expanded(each))


def _fits(own: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(own) == len(pattern) and all(map(fnmatchcase, own, pattern))


@cache
def expanded(pattern: str) -> tuple[tuple[str, ...], ...]:
    """The pattern without braces: every alternative, as its five words."""
    return tuple(tuple(each.rsplit("/", 4)) for each in _alternatives(pattern))


def _alternatives(pattern: str) -> Iterator[str]:
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    for word in found[1].split(","):
        yield from _alternatives(f"{pattern[: found.start()]}{word}{pattern[found.end() :]}")
