"""A cell as a real runner is given it, and the sandbox that such a runner stands in."""

from __future__ import annotations

import os
from dataclasses import dataclass

from aftercancel.executor.arrange import Arrangement
from aftercancel.executor.engine import Engine
from aftercancel.executor.launch import File, launch
from aftercancel.executor.leftovers import OURS, PLACES
from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.preparation import and_folders, command_of, variables_of
from aftercancel.executor.rootfs import HOME, LAB, PROGRAMS, STATE, USER
from aftercancel.executor.sandbox import SandboxError
from aftercancel.model import Action, Cell, Runner
from aftercancel.runners.protocol import Work
from aftercancel.runners.standing import Standing, Task

_FOLDER = "/lab/runner"


@dataclass(frozen=True, slots=True)
class Commission:
    """Everything that is settled before the job is handed over."""

    command: tuple[str, ...]
    """The job's own command line, without a launcher's."""
    task: Task
    before: frozenset[str]
    """Paths that are there before the job is."""


def commission(cell: Cell) -> Commission:
    """Raises ``SandboxError`` where a real runner cannot be given such a job."""
    job = cell.job
    if job.workdir is not None:
        raise SandboxError(
            "a real runner cannot be given a script that needs the folder that it stands in"
        )
    command = command_of(cell)
    # A runner's own HOME and TMPDIR are elsewhere.
    variables = {**variables_of(cell), "HOME": HOME, "TMPDIR": "/tmp"}  # the sandbox's
    launched = launch(cell.launcher, command, variables, HOME)
    words, files = launched.argv, launched.files
    if job.ignored:
        # The runner starts the job as it starts everything: who wants a signal ignored at the
        # start has to write it before the job's own command, as anybody would.
        ignoring = File(f"{LAB}/ignoring", _ignoring(job.ignored), 0o755, of_user=False)
        words, files = (ignoring.path, *words), (*files, ignoring)
    asked = [s for s in cell.cancellation.steps if s.action is Action.ASK and s.way is not None]
    work = Work(
        name=job.name,
        script=job.script,
        path=f"{LAB}/{job.name}",
        shell=cell.shell.argv,
        command=words,
        whole=words == command and not job.executable,
        env=tuple({**variables, **dict(launched.env)}.items()),
        folder=HOME,
        after=job.after,
        ways=tuple(s.way for s in asked if s.way is not None),
        limit_s=max((s.seconds for s in asked), default=0.0),
    )
    task = Task(
        work=work,
        files=files,
        sudoers=(*job.sudoers, *launched.sudoers),
        steps=cell.cancellation.steps,
        queued=job.queued,
    )
    before = frozenset(path for file in files for path in and_folders(file.path))
    if cell.runner.engine is not None:
        before |= Engine(cell.runner.engine).running
    return Commission(command, task, before)


def _ignoring(names: tuple[str, ...]) -> str:
    return f"#!/bin/sh\ntrap '' {' '.join(names)}\nexec \"$@\"\n"


def is_job(commissioned: Commission, process: ProcessHistory) -> bool:
    """Where its command line tells; else its first mark does (``History``)."""
    return process.key > 0 and process.argv == commissioned.command


def ground(runner: Runner, *, slot: int, uid: int, marker: str | None) -> Arrangement:
    """The sandbox of one instance."""
    return Arrangement(
        slot=slot,
        uid=uid,
        script_name="",
        script="",
        sudoers=(),
        workdir=None,
        marker=marker,
        brought=(runner.brought, _seen_as(runner)) if runner.brought else None,
        as_root=True,
        roomy=True,
        engine=None if runner.engine is None else Engine(runner.engine),
    )


def _seen_as(runner: Runner) -> str:
    """Without a version in its name, which would tell one version's processes from another's."""
    return f"{PROGRAMS}/{runner.adapter}"


def standing(runner: Runner, *, uid: int, tried: bool) -> Standing:
    """What its steward is to start; ``tried``: another instance has come through its trial."""
    program = runner.program
    if runner.brought:
        below = os.path.relpath(runner.program, runner.brought)
        program = os.path.normpath(f"{_seen_as(runner)}/{below}")
    engines = () if runner.engine is None else Engine(runner.engine).running
    return Standing(
        adapter=runner.adapter,
        program=program,
        version=runner.version,
        folder=_FOLDER,
        home=HOME,
        uid=uid,
        user=USER,
        options=runner.options,
        way=next(iter(runner.ways), None),
        tried=tried,
        places=(*PLACES, STATE),
        kept=OURS | {path.rstrip("/") for path in engines},
    )
