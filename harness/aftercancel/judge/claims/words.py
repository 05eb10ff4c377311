"""The words of a cell's id as the axes on which cases differ, and patterns of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

_FLAGS = re.compile(r"^(?P<family>.+?)(?:-(?P<flags>e|xe))?$")
_AIMED = re.compile(
    r"^(?P<signal>[A-Z][A-Z0-9]+)-(?P<target>process|group|leaf-first)(?P<sender>-by-root)?$"
)
_PIECE = re.compile(r"\[!?[^]/]+\]|.", re.DOTALL)
_MEANS = {"*": "{}*", "?": "{}", "{": "(?:", "}": ")"}


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


MODELLED = "-modelled"
"""How the ids of modelled runners end."""


def of_a_model(cell: str) -> bool:
    """Whether the cell's runner is a model of one."""
    return cell.rsplit("/", 2)[-2:][0].endswith(MODELLED)


def without_version(cell: str) -> str:
    """As the catalogue names it, which does not know what version of a runner will be found."""
    *others, runner, cancellation = cell.rsplit("/", 2)
    return "/".join([*others, runner.partition("@")[0], cancellation])


def meant(cells: Iterable[str], patterns: Sequence[str], without: Sequence[str] = ()) -> list[str]:
    """The cells that one of the patterns means, and none of ``without``."""
    # One expression for all of them: each claim asks it of each cell of a run.
    match = _expression_of(tuple(patterns)).match
    found = [cell for cell in cells if match(cell)]
    if not without or not found:
        return found
    excepted = _expression_of(tuple(without)).match
    return [cell for cell in found if not excepted(cell)]


@cache
def _expression_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"(?:{_either(patterns)})$", re.DOTALL)


def _either(patterns: Sequence[str]) -> str:
    return "|".join(map(_expression, patterns))


def _expression(pattern: str) -> str:
    """Only the job's word may have a ``/`` in it: there ``*`` means everything."""
    job, *others = pattern.rsplit("/", 4)
    return "/".join([_word(job, "."), *(_word(word, "[^/]") for word in others)])


def _word(pattern: str, anything: str) -> str:
    made = ""
    depth = 0
    for piece in _PIECE.findall(pattern):
        depth += (piece == "{") - (piece == "}")
        made += _MEANS.get(piece, "").format(anything) or _literal(piece, in_braces=depth > 0)
    return made


def _literal(piece: str, *, in_braces: bool) -> str:
    if piece == "," and in_braces:
        return "|"
    if len(piece) > 1:  # [abc], [!abc]
        return f"[^{piece[2:]}" if piece.startswith("[!") else piece
    return re.escape(piece)
