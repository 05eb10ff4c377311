"""run.json: what was run, with which versions of everything, on what, and whether it ended."""

from __future__ import annotations

import datetime as dt
import os
import platform
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aftercancel import __version__
from aftercancel.model import Launcher, Runner, Shell
from aftercancel.results.wording import Wording

if TYPE_CHECKING:
    from aftercancel.programs import Program, Whereabouts

RECORD_SCHEMA = 1
"""Version of run.json."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was run."""

    host: str
    kernel: str
    architecture: str
    distribution: str
    processors: int
    memory_mb: int

    @classmethod
    def this(cls) -> Machine:
        """The machine that this process runs on."""
        uname = os.uname()
        return cls(
            host=socket.gethostname(),
            kernel=f"{uname.release} {uname.version}",
            architecture=uname.machine,
            distribution=_distribution(),
            processors=len(os.sched_getaffinity(0)),
            memory_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        )


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """A slice of the matrix as it was then, as far as it was selected."""

    id: str
    sentence: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotTried:
    """Cells that were selected, and that nothing here could launch or run."""

    launcher: str
    """The launcher, or the real runner, that is not here."""
    why: str
    """What is missing, and how to get it."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything about a run that is no observation."""

    machine: Machine
    started: str
    arguments: tuple[str, ...] = ()
    schema: int = RECORD_SCHEMA
    aftercancel: str = __version__
    python: str = platform.python_version()
    shells: dict[str, str] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)
    """The versions of what the launchers need."""
    place: dict[str, object] = field(default_factory=dict)
    """What the place says about itself."""
    settle_s: float | None = None
    evidence: str | None = None
    repeat: int = 1
    workers: int = 0
    ended: str | None = None
    complete: bool = False
    why_not: str | None = "It has not ended yet, or was killed."
    """Why the run is incomplete; None when it is complete."""
    slices: tuple[SliceRecord, ...] = ()
    cells: tuple[str, ...] = ()
    """What was selected and tried, attempts included, in order."""
    not_tried: tuple[NotTried, ...] = ()
    words: Wording = field(default_factory=Wording)
    """What the words of the cells meant; empty in runs of earlier versions."""


def now() -> str:
    """The time, to the second, with its offset."""
    return dt.datetime.now().astimezone().isoformat(timespec="seconds")


def shell_versions(shells: Iterable[Shell], where: Whereabouts | None = None) -> dict[str, str]:
    """What each family of shells says its version is; None: on this machine."""
    # Brings the catalogue along, which readers of a stored run do not need.
    from aftercancel.programs import of_shell

    return _versions({shell.family: of_shell(shell) for shell in shells}, where)


def program_versions(
    launchers: Iterable[Launcher], where: Whereabouts | None = None
) -> dict[str, str]:
    """What each program that these launchers need says its version is."""
    from aftercancel.programs import of_launchers

    return _versions({needed.command: needed for needed in of_launchers(launchers)}, where)


def runner_versions(runners: Iterable[Runner]) -> dict[str, str]:
    """What each real runner said its version is, and what each modelled one follows."""
    real = {runner.adapter: "" for runner in runners if runner.real}
    for runner in runners:
        if runner.real:
            seen = real[runner.adapter].split(", ") if real[runner.adapter] else []
            words = runner.version + (f" from the image {runner.image}" if runner.image else "")
            real[runner.adapter] = ", ".join(dict.fromkeys([*seen, words]))
    return real | {runner.id: f"follows {runner.follows}" for runner in runners if runner.model}


def _versions(programs: dict[str, Program], where: Whereabouts | None) -> dict[str, str]:
    from aftercancel.programs import HERE

    with ThreadPoolExecutor(max_workers=8) as pool:
        found = pool.map((where or HERE).version, programs.values())
        return {name: words or "unknown" for name, words in zip(programs, found, strict=True)}


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"
