"""What a cell is made of, before anything is started: command line, environment, sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from aftercancel.executor import serving
from aftercancel.executor.arrange import Arrangement
from aftercancel.executor.hosts import Server
from aftercancel.executor.launch import launch
from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.rootfs import HOME, LAB, MARKS, STATE, USER, WORKPLACE
from aftercancel.executor.watching import HOLD_TO_THE_END_S
from aftercancel.model import Cell, Sender
from aftercancel.runners import modelled, plain

HOLD_S = 600.0
"""How long a job's children hold on, so that none ends by itself while it is watched."""
_NOTHING: Mapping[str, str] = {}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Preparation:
    """Everything that is settled before the sandbox is made."""

    command: tuple[str, ...]
    """The job's own command line, without a launcher's."""
    arrangement: Arrangement
    assignment: plain.Assignment
    before: frozenset[str]
    """Paths that are there before the job is, with the folders on the way to them."""


def prepare(  # noqa: PLR0913  each is what the executor has, and a cell does not say
    cell: Cell,
    *,
    slot: int,
    uid: int,
    marker: str | None,
    keys: Callable[[], str],
    environment: Mapping[str, str] = _NOTHING,
) -> Preparation:
    """``keys`` gives the public key where there is another host; raises ``serving.NoKeys``.

    ``environment`` is an image's own: it stands below what makes up user, terminal and job.
    """
    job = cell.job
    command = command_of(cell)
    folder = HOME if job.workdir is None else WORKPLACE
    variables = variables_of(cell)
    launched = launch(cell.launcher, command, variables, folder)
    files, server = launched.files, None
    if launched.far is not None:
        served = serving.serving(launched.far, keys())
        server = Server(served.argv, served.ready, serving.LOG)
        files += served.files
    root = cell.launcher.as_root or modelled.is_root(cell.runner.model)
    arrangement = Arrangement(
        slot=slot,
        uid=uid,
        script_name=job.name,
        script=job.script,
        sudoers=(*job.sudoers, *launched.sudoers),
        workdir=job.workdir,
        marker=marker,
        files=files,
        server=server,
        as_root=root,
        roomy=launched.engine is not None,
        engine=launched.engine,
        root_sends=any(step.by is Sender.ROOT for step in cell.cancellation.steps),
    )
    assignment = plain.Assignment(
        argv=launched.argv,
        env={
            "LANG": "C.UTF-8",
            "PATH": _PATH,
            **environment,
            "HOME": HOME,
            "LOGNAME": USER,
            "SHELL": "/bin/sh",
            "USER": USER,
            **({"TERM": "xterm"} if cell.terminal else {}),
            **variables,
            **dict(launched.env),
        },
        cwd=folder,
        ignored=job.ignored,
        ends=cell.runner.ends,
        terminal=cell.terminal,
        steps=cell.cancellation.steps,
        input=None if job.input is None else job.input.encode("latin-1") * job.input_times,
        input_ends=job.input_ends,
        model=cell.runner.model,
        options=cell.runner.options,
        user=uid if root and not cell.launcher.as_root else None,
        folder=STATE,
    )
    before = {path for file in files for path in and_folders(file.path)}
    if launched.engine is not None:
        before |= launched.engine.running
    return Preparation(command, arrangement, assignment, frozenset(before))


def is_job(cell: Cell, command: tuple[str, ...], process: ProcessHistory) -> bool:
    """The job is what runs the script: a launcher, or a runner's wrapper, has more words."""
    if not cell.launcher.argv and not cell.runner.model:
        return process.key == 1 and process.execs == 1
    if not process.argv_read:
        return process.argv == command[:1]
    if cell.job.executable:
        # The kernel puts the interpreter of the #! line, and its one argument, before the script
        # (execve(2)); a launcher stands there too, so the trace's name of the program decides.
        name = PurePosixPath(command[-1]).name
        return process.program == name or (
            process.argv[-1:] == command and process.argv[:-1] == _interpreter(cell.job.script)
        )
    return process.argv == command


def _interpreter(script: str) -> tuple[str, ...]:
    """The words of the ``#!`` line: the program, and at most one argument."""
    first = script.split("\n", 1)[0]
    return tuple(first[2:].strip().split(None, 1)) if first.startswith("#!") else ()


def command_of(cell: Cell) -> tuple[str, ...]:
    job = cell.job
    script = f"{LAB}/{job.name}"
    if job.workdir is not None and job.path is not None:
        script = f"{WORKPLACE}/{job.path}"
    return (script,) if job.executable else (*cell.shell.argv, script)


def variables_of(cell: Cell) -> dict[str, str]:
    """What every job finds in its environment, however it is launched."""
    hold = HOLD_S if cell.cancellation.steps else HOLD_TO_THE_END_S
    return {"MARKS": MARKS, "HOLD": f"{hold:g}", **dict(cell.job.env)}


def and_folders(path: str) -> Iterator[str]:
    yield path
    yield from map(str, PurePosixPath(path).parents)
