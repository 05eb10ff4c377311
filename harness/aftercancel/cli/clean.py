"""``aftercancel clean``: what runs left that were killed together with all that tidies up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import click

from aftercancel.errors import AftercancelError, ExitStatus
from aftercancel.executor.ownership import Owner
from aftercancel.places import reaping
from aftercancel.places.daemon import Daemon
from aftercancel.places.labels import RUN, command_of_owner, owner_of
from aftercancel.places.reaping import Left

_DEADLINE_S = 60.0
_PLACES = 2
"""That are looked at: the daemon, and the kernel."""
_PATIENCE = reaping.Patience(running_s=0.0, quiet_s=0.0, deadline_s=60.0)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is there, and of whom nothing can be said from here."""

    gone: tuple[Left, ...] = ()
    elsewhere: tuple[Left, ...] = ()
    kernel: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Where could not be looked, and why."""

    @property
    def lines(self) -> Iterator[str]:
        for left in self.gone:
            yield f"{left.kind.value} {left.name}, of {command_of_owner(left.client)}, which is gone"
        for name in self.kernel:
            yield f"trace instance or control group {name}, of a process that is gone"


@click.command()
@click.option("--yes", is_flag=True, help="Remove it; without this it is only listed.")
@click.option(
    "--all", "everybody", is_flag=True, help="Also what a run of another machine may still use."
)
def clean(yes: bool, everybody: bool) -> int:
    """List what killed runs left: containers, volumes, networks, trace instances, control groups.

    Something is removed only where the process is gone that it was made for. A run tidies up
    after itself even where it is killed; this is for what was killed together with its reaper.
    """
    found = _look(everybody=everybody)
    for line in found.lines:
        click.echo(line)
    for left in found.elsewhere:
        words = command_of_owner(left.client) or "somebody"
        click.echo(f"{left.kind.value} {left.name}, of {words}: whether it lives is not known here")
    for problem in found.problems:
        click.echo(f"Not looked at: {problem}", err=True)
    if not (found.gone or found.kernel):
        click.echo("Nothing of killed runs is there.")
    elif yes:
        _remove(found)
    else:
        click.echo("Nothing was removed. `aftercancel clean --yes` removes what is gone's.")
    if found.elsewhere:
        click.echo(
            "--all takes what is of other machines too: only where no run of theirs goes on."
        )
    return ExitStatus.COULD_NOT_TELL if len(found.problems) == _PLACES else ExitStatus.FINE


def _look(*, everybody: bool) -> _Found:
    problems: list[str] = []
    left: list[Left] = []
    try:
        with Daemon.connect() as daemon:
            left = list(reaping.look(daemon, {"label": RUN}))
    except AftercancelError as error:
        problems.append(str(error))
    owners = {each: owner_of(each.client) for each in left}
    gone = (Owner.GONE, Owner.ELSEWHERE) if everybody else (Owner.GONE,)
    kernel: tuple[str, ...] = ()
    if os.geteuid() == 0:
        kernel = _sweep()
    else:
        problems.append("trace instances and control groups are root's: run it with sudo for them.")
    return _Found(
        gone=tuple(each for each in left if owners[each] in gone),
        elsewhere=tuple(each for each in left if owners[each] is Owner.ELSEWHERE and not everybody),
        kernel=kernel,
        problems=tuple(problems),
    )


def _remove(found: _Found) -> None:
    for run in sorted({left.run for left in found.gone}):
        for left in reaping.reap(Daemon.connect, {"label": f"{RUN}={run}"}, _PATIENCE):
            click.echo(f"Still there: {left.kind.value} {left.name}", err=True)
    swept = _sweep("--remove") if found.kernel else ()
    click.echo(f"Removed: {len(found.gone) + len(swept)}.")


def _sweep(*words: str) -> tuple[str, ...]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "aftercancel.executor.sweeping", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    return tuple(json.loads(done.stdout)) if done.returncode == 0 else ()
