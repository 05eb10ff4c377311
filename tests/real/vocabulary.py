"""The words that the tests on the real kernel are written in."""

from __future__ import annotations

from collections.abc import Iterable

from aftercancel.model import (
    Action,
    Cancellation,
    Cell,
    Channel,
    Ends,
    Job,
    Launcher,
    Observation,
    Process,
    Runner,
    Shell,
    ShellKind,
    Signal,
    Step,
    Target,
)
from aftercancel.places import Place

MARK = 'mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }\n'

DASH = Shell("dash", "dash", "", ShellKind.POSIX, ("/bin/dash",), (), "dash")
BASH = Shell("bash", "bash", "", ShellKind.POSIX, ("/bin/bash",), (), "bash")
PYTHON = Shell("python3", "python3", "", ShellKind.PYTHON, ("/usr/bin/python3",), (), "python3")
NOTHING = Launcher("none", "")
PLAIN = Runner("plain", "")
PLAIN_EOF = Runner("plain-eof", "", ends=Ends.OUTPUT)
PLAIN_TTY = Runner("plain-tty", "", terminal=True)


def signal_step(name: str, to: Target = Target.GROUP) -> Step:
    return Step(Action.SIGNAL, signal=name, to=to)


TERM_PROCESS = Cancellation("TERM-process", "", (signal_step("TERM", Target.PROCESS),))
TERM_GROUP = Cancellation("TERM-group", "", (signal_step("TERM"),))
KILL_GROUP = Cancellation("KILL-group", "", (signal_step("KILL"),))
KILL_PROCESS = Cancellation("KILL-process", "", (signal_step("KILL", Target.PROCESS),))
HANG_UP = Cancellation("hang-up", "", (Step(Action.CLOSE, channel=Channel.TERMINAL),))
CTRL_C = Cancellation("ctrl-c", "", (Step(Action.TYPE, keys="\x03"),))
END = Cancellation("end", "")


def job(script: str, **fields: object) -> Job:
    """A POSIX job from its lines, which can use ``mark``."""
    return Job(
        id="job",
        sentence="",
        kind=ShellKind.POSIX,
        script=f"#!/bin/sh\n{MARK}{script}\n",
        name="job.sh",
        **fields,  # type: ignore[arg-type]  # the test names fields of Job
    )


def cell(
    what: Job | str,
    how: Cancellation = TERM_GROUP,
    *,
    shell: Shell = DASH,
    runner: Runner = PLAIN,
    **fields: object,
) -> Cell:
    if isinstance(what, str):
        what = job(what, **fields)
    return Cell(what, shell, NOTHING, runner, how)


def observe(place: Place, one: Cell) -> Observation:
    (observation,) = place.measure([one])
    return observation


def observe_all(place: Place, cells: Iterable[Cell]) -> dict[str, Observation]:
    return {observation.cell: observation for observation in place.measure(cells)}


def the(observation: Observation, role: str) -> Process:
    """The one process with that role."""
    (found,) = (p for p in observation.processes if p.role == role)
    return found


def received(observation: Observation, role: str) -> list[Signal]:
    return [s for s in observation.signals if s.receiver_role == role and s.receiver is not None]


def marks(observation: Observation) -> list[str]:
    return [mark.name for mark in observation.marks]
