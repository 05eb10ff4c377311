"""What the catalogue's cells need: where it is, its version, its package, how to get it.

Standard library only: the set-up asks here, before anything is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aftercancel.catalog import Catalogue
from aftercancel.model import Cell, Launcher, Shell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a job looks, whatever the PATH of the user who starts the lab."""
_DEADLINE_S = 5.0

_PACKAGES = {
    "asyncssh": "python3-asyncssh",
    "docker": "docker.io",
    "docker-init": "docker.io",
    "dockerd": "docker.io",
    "dropbear": "dropbear-bin",
    "env": "coreutils",
    "flock": "util-linux",
    "kill": "procps",
    "nice": "coreutils",
    "nohup": "coreutils",
    "npx": "npm",
    "paramiko": "python3-paramiko",
    "pgrep": "procps",
    "pidof": "sysvinit-utils",
    "pkill": "procps",
    "ps": "procps",
    "runuser": "util-linux",
    "script": "bsdutils",
    "setsid": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "su": "util-linux",
    "tee": "coreutils",
    "timeout": "coreutils",
    "xargs": "findutils",
    "xz": "xz-utils",
}
"""Debian's and Ubuntu's package of a program, where it does not have the program's own name."""
_VERSIONS = {name: (name, "--version") for name in ("npm", "npx", "uv")}
"""Programs that are often there without a package of the system's."""
_MANAGERS = (
    ("dpkg-query", "--show", "--showformat=${Version}"),
    ("rpm", "--query", "--queryformat=%{VERSION}-%{RELEASE}"),
    ("apk", "info", "--description"),
)
"""What tells a package's version, in the systems that images are made of."""
_FOLDERS_OF_PROGRAMS = ("bin", "sbin")


@dataclass(frozen=True, slots=True)
class Program:
    """A shell, or something else that a job or a launcher needs."""

    name: str
    """``shell bash``, ``program sudo``."""
    command: str
    """An absolute path, or a name that is looked for."""
    package: str
    version: tuple[str, ...] = ()
    """A command that prints it; empty: the package manager is asked."""
    required: bool = True
    """Whether cells are refused without it, where the set-up could have brought it."""

    @property
    def path(self) -> str | None:
        """Where it is; None: nowhere."""
        file = Path(self.command)
        if file.is_absolute() and file.parent.name not in _FOLDERS_OF_PROGRAMS:
            # A module of Python's, or another file that nobody executes.
            return self.command if file.exists() else None
        return shutil.which(self.command, path=_PATH)


@dataclass(frozen=True, slots=True)
class Beyond:
    """Why some cells cannot be tried in a place."""

    what: str
    """What the place cannot have: ``real runners``."""
    why: str


class Whereabouts(Protocol):
    """Where programs are looked for: a machine, or an image."""

    def path(self, program: Program) -> str | None:
        """Where it is there; None: nowhere."""
        ...

    def version(self, program: Program) -> str | None:
        """What it says of itself, else what its package says; None: neither."""
        ...

    def remedy(self, lacking: Iterable[Program], get: str = "") -> str:
        """How to get these there; ``get``: what the catalogue says of it, for a machine."""
        ...

    def must_have(self, program: Program) -> bool:
        """Whether cells are refused, not left out, where this shell or job's program is missing."""
        ...

    def beyond(self, cell: Cell) -> Beyond | None:
        """Why a cell cannot be tried there, whatever is installed; None: it can."""
        ...


class Here:
    """This machine."""

    def path(self, program: Program) -> str | None:
        return program.path

    def version(self, program: Program) -> str | None:
        return version(program)

    def remedy(self, lacking: Iterable[Program], get: str = "") -> str:
        return get or apt_get(lacking)

    def must_have(self, program: Program) -> bool:
        # The set-up installs them; `doctor.require` refuses.
        return program.required

    def beyond(self, cell: Cell) -> Beyond | None:
        return None


HERE: Whereabouts = Here()


def of_shell(shell: Shell) -> Program:
    name = f"shell {shell.family}"
    return Program(name, shell.argv[0], shell.package, shell.version, shell.common)


def of_need(need: str) -> Program:
    """A word of ``needs``: a program's name or path."""
    name = Path(need).name
    return Program(f"program {name}", need, _PACKAGES.get(name, name), _VERSIONS.get(name, ()))


def of_launcher(launcher: Launcher) -> tuple[Program, ...]:
    return tuple(of_need(need) for need in launcher.needs)


def apt_get(lacking: Iterable[Program]) -> str:
    """The command that installs these."""
    return f"apt-get install {' '.join(sorted({needed.package for needed in lacking}))}"


def needed_by(cells: Iterable[Cell]) -> tuple[Program, ...]:
    """The shells and the programs of these cells' jobs, without duplicates."""
    found: dict[str, Program] = {}
    for cell in cells:
        for program in (of_shell(cell.shell), *map(of_need, cell.job.needs)):
            found.setdefault(program.name, program)
    return tuple(found.values())


def of_catalogue(catalogue: Catalogue) -> tuple[Program, ...]:
    """Every shell, then what jobs need, by name: those that are ``required`` must be there."""
    shells = {program.name: program for program in map(of_shell, catalogue.shells.values())}
    needs = {need for job in catalogue.jobs.values() for need in job.needs}
    return (*shells.values(), *(of_need(need) for need in sorted(needs)))


def of_launchers(launchers: Iterable[Launcher]) -> dict[Program, tuple[Launcher, ...]]:
    """What these launchers need, by name, and which of them need it."""
    found: dict[Program, list[Launcher]] = {}
    for launcher in launchers:
        for program in dict.fromkeys(of_launcher(launcher)):
            found.setdefault(program, []).append(launcher)
    by_name = sorted(found, key=lambda program: program.name)
    return {program: tuple(found[program]) for program in by_name}


def version(program: Program) -> str | None:
    """The first line that its version command prints, else its package's version."""
    # Some shells print their version and exit with an error.
    printed = _printed(program.version, may_fail=True) if program.version else None
    managers = (_printed((*query, program.package), may_fail=False) for query in _MANAGERS)
    return printed or next((words for words in managers if words), None)


def _printed(query: tuple[str, ...], *, may_fail: bool) -> str | None:
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
    return lines[0] if lines and (may_fail or done.returncode == 0) else None
