"""What the catalogue's cells need: where it is, its version, its package, how to get it.

Standard library only: the set-up asks here, before anything is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aftercancel.catalog import Catalogue
from aftercancel.model import Cell, Launcher, Shell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a job looks, whatever the PATH of the user who starts the lab."""
_DEADLINE_S = 5.0

_PACKAGES = {
    "asyncssh": "python3-asyncssh",
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

    @property
    def path(self) -> str | None:
        """Where it is; None: nowhere."""
        file = Path(self.command)
        if file.is_absolute() and file.parent.name not in _FOLDERS_OF_PROGRAMS:
            # A module of Python's, or another file that nobody executes.
            return self.command if file.exists() else None
        return shutil.which(self.command, path=_PATH)


def of_shell(shell: Shell) -> Program:
    return Program(f"shell {shell.family}", shell.argv[0], shell.package, shell.version)


def of_need(need: str) -> Program:
    """A word of ``needs``: a program's name or path."""
    name = Path(need).name
    return Program(f"program {name}", need, _PACKAGES.get(name, name), _VERSIONS.get(name, ()))


def of_launcher(launcher: Launcher) -> tuple[Program, ...]:
    return tuple(of_need(need) for need in launcher.needs)


def not_here(launcher: Launcher) -> str | None:
    """Why this launcher's cells cannot be measured here, and what to do; None: they can."""
    lacking = [needed for needed in of_launcher(launcher) if needed.path is None]
    if not lacking:
        return None
    names = list(dict.fromkeys(needed.command for needed in lacking))
    are = "is" if len(names) == 1 else "are"
    return f"{' and '.join(names)} {are} not there: {launcher.get or apt_get(lacking)}"


@dataclass(frozen=True, slots=True)
class Absent:
    """What of some cells is not here: launchers and real runners, by id, with the words of each."""

    words: Mapping[str, str]

    def of(self, cell: Cell) -> str | None:
        """Which word of the cell keeps it from being tried; None: it can be."""
        return next((w.id for w in (cell.launcher, cell.runner) if w.id in self.words), None)

    def why(self, cell: Cell) -> str | None:
        """The words of that."""
        word = self.of(cell)
        return None if word is None else self.words[word]

    def without(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells that can be tried."""
        return [cell for cell in cells if self.of(cell) is None]


def absent(cells: Iterable[Cell], runners: Mapping[str, str] | None = None) -> Absent:
    """Of these cells; ``runners``: the real ones that were not found, with the words of each."""
    wanted = tuple(cells)
    launchers = {cell.launcher.id: cell.launcher for cell in wanted}
    found = ((name, not_here(launcher)) for name, launcher in launchers.items())
    words = {name: words for name, words in found if words is not None}
    used = {cell.runner.id for cell in wanted}
    return Absent(words | {name: why for name, why in (runners or {}).items() if name in used})


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
    """Every shell, then what jobs need, by name: without one of these some cell is refused."""
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
