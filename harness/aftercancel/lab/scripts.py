"""Turning a script of a user's own into a cell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aftercancel import catalog
from aftercancel.engine.batch import Batch
from aftercancel.errors import UsageError, did_you_mean
from aftercancel.lab.cancelled import Cancelled
from aftercancel.model import Cell, Job, Shell, ShellKind

if TYPE_CHECKING:
    from aftercancel.catalog import Catalogue

__tracebackhide__ = True


class Lab:
    """Cancels scripts in the sandbox; what it is given is seen copy-on-write and never changed."""

    def __init__(self, batch: Batch, folder: Path) -> None:
        self._batch = batch
        self._folder = folder

    def cancel(  # noqa: PLR0913 each has its own keyword
        self,
        script: str | os.PathLike[str],
        how: str = "TERM-group",
        *,
        shell: str | None = None,
        runner: str = "plain",
        ready: str | None = None,
        after: float | None = None,
        env: Mapping[str, str] | None = None,
        cleanup: str | None = None,
        removes: Sequence[str] = (),
        roles: Sequence[str] = (),
        settle: float | None = None,
    ) -> Cancelled:
        """Start a script, cancel it once it is at rest, and watch until all is decided.

        ``script`` is looked for beside the test, then where pytest was started; its folder is its
        working directory. ``how`` and ``runner`` are ids of the catalogue. ``shell`` is one too;
        without it the script's ``#!`` line decides. ``ready``: it is cancelled when this text is
        in its output; ``after``: this many seconds after its start. ``removes`` are the files that
        its clean-up must remove, ``cleanup`` the handler that it marks. ``settle`` is the longest
        time for which the script may do nothing and still go on (0.2 s unless told); a timed wait
        of up to a minute, such as a plain sleep, is recognised without it.
        """
        catalogue = _catalogue()
        path = self._find(script)
        job = Job(
            id=path.stem,
            sentence=f"{path.name}, a script of the user's own.",
            kind=ShellKind.POSIX,
            script=path.read_text(encoding="utf-8", errors="replace"),
            name=path.name,
            roles=tuple(roles),
            cleanup=cleanup,
            removes=tuple(removes),
            env=tuple((env or {}).items()),
            pause_s=0.2 if settle is None else settle,
            announces=False,
            workdir=str(path.parent),
            path=path.name,
            executable=shell is None and os.access(path, os.X_OK),
            ready_output=ready,
            after_s=after,
        )
        cell = Cell(
            job=job,
            shell=_shell(shell, path, job, catalogue),
            launcher=_known("launcher", "none", catalogue.launchers),
            runner=_known("runner", runner, catalogue.runners),
            cancellation=_known("cancellation", how, catalogue.cancellations),
        )
        if cell.cancellation.needs_terminal and not cell.runner.terminal:
            raise UsageError(f"{how} needs a terminal: say runner='plain-tty'.")
        return Cancelled(cell, self._batch.measure_one(cell))

    def _find(self, script: str | os.PathLike[str]) -> Path:
        tried = [folder / script for folder in (self._folder, Path.cwd())]
        for path in tried:
            if path.is_file():
                return path.resolve()
        places = " and ".join(str(path) for path in dict.fromkeys(tried))
        raise UsageError(f"There is no script {os.fspath(script)}. It was looked for at {places}.")


_loaded: list[Catalogue] = []
Thing = TypeVar("Thing")


def _catalogue() -> Catalogue:
    if not _loaded:
        _loaded.append(catalog.load())
    return _loaded[0]


def _known(what: str, name: str, things: Mapping[str, Thing]) -> Thing:
    if name not in things:
        raise UsageError(f"There is no {what} {name}. {did_you_mean(name, things)}".rstrip())
    return things[name]


def _shell(name: str | None, path: Path, job: Job, catalogue: Catalogue) -> Shell:
    """What interprets the script: what was asked for, else what its ``#!`` line says."""
    if name is not None:
        return _known("shell", name, catalogue.shells)
    first = job.script.partition("\n")[0]
    if not first.startswith("#!"):
        raise UsageError(f"{path} does not begin with #!, so say what interprets it: shell='dash'.")
    words = shlex.split(first[2:])
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if "=" not in word and word != "-S"]
    if not words:
        raise UsageError(f"The first line of {path} names no interpreter: {first}")
    program, flags = Path(words[0]).name, "".join(words[1:])
    for candidate in (f"{program}{flags}", program):
        if candidate in catalogue.shells:
            return catalogue.shells[candidate]
    return Shell(
        id=program,
        family=program,
        sentence=f"{program}, as the script's #! line says.",
        kind=ShellKind.POSIX,
        argv=tuple(words),
        version=(),
        package="",
    )
