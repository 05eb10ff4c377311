"""The programs that the catalogue's cells need: where they are, their versions, their packages.

Standard library only: the set-up asks here, before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from aftercancel.catalog import Catalogue
from aftercancel.model import Cell, Shell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a job looks, whatever the PATH of the user who starts the lab."""
_DEADLINE_S = 5.0

_PACKAGES = {
    "flock": "util-linux",
    "kill": "procps",
    "nohup": "coreutils",
    "pgrep": "procps",
    "pidof": "sysvinit-utils",
    "pkill": "procps",
    "ps": "procps",
    "runuser": "util-linux",
    "script": "bsdutils",
    "setsid": "util-linux",
    "su": "util-linux",
    "tee": "coreutils",
    "timeout": "coreutils",
}
"""Debian's and Ubuntu's package of a program, where it does not have the program's own name."""


@dataclass(frozen=True, slots=True)
class Program:
    """A shell, or something else that a job or a launcher runs."""

    name: str
    """``shell bash``, ``program sudo``."""
    command: str
    """An absolute path, or a name that is looked for."""
    package: str
    version: tuple[str, ...] = ()
    """A command that prints it; empty: the package manager is asked."""

    @property
    def path(self) -> str | None:
        """Where it is; None: nowhere."""
        return shutil.which(self.command, path=_PATH)


def of_shell(shell: Shell) -> Program:
    return Program(f"shell {shell.family}", shell.argv[0], shell.package, shell.version)


def of_need(need: str) -> Program:
    """A word of ``needs``: a program's name or path."""
    name = os.path.basename(need)
    return Program(f"program {name}", need, _PACKAGES.get(name, name))


def needed_by(cells: Iterable[Cell]) -> tuple[Program, ...]:
    """What these cells run, without duplicates."""
    found: dict[str, Program] = {}
    for cell in cells:
        of_cell = (
            of_shell(cell.shell),
            *(of_need(need) for need in (*cell.job.needs, *cell.launcher.needs)),
        )
        for program in of_cell:
            found.setdefault(program.name, program)
    return tuple(found.values())


def of_catalogue(catalogue: Catalogue) -> tuple[Program, ...]:
    """Everything that any cell could need: shells in their order, then the rest by name."""
    shells = {program.name: program for program in map(of_shell, catalogue.shells.values())}
    needs = {need for job in catalogue.jobs.values() for need in job.needs}
    needs |= {need for launcher in catalogue.launchers.values() for need in launcher.needs}
    return (*shells.values(), *(of_need(need) for need in sorted(needs)))


def version(program: Program) -> str | None:
    """The first line that its version command prints, else its package's version."""
    queries = [program.version] if program.version else []
    queries.append(("dpkg-query", "--show", "--showformat=${Version}", program.package))
    for query in queries:
        printed = _printed(query)
        if printed:
            return printed
    return None


def _printed(query: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(
            query,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_DEADLINE_S,
            text=True,
            errors="replace",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    # Some shells print their version and exit with an error; dpkg-query prints only the error.
    if not lines or (query[0] == "dpkg-query" and done.returncode != 0):
        return None
    return lines[0]
