"""A real runner that stands in a sandbox of its own, and the jobs that it is given there.

Data only, and small: the process that forks sandboxes has it too. What drives a runner is imported
in the sandbox's own process (``steward``), before it leaves the host's file system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from aftercancel.executor.launch import File
from aftercancel.model import Step

if TYPE_CHECKING:
    import socket

    from aftercancel.executor.hosts import Orders
    from aftercancel.runners.protocol import Work

WORK = b"w"
"""Begins the order to do a ``Task``, pickled; other orders are JSON."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a steward is to start, once."""

    adapter: str
    """The runner's kind (``registry``)."""
    program: str
    """As the sandbox sees it."""
    version: str
    folder: str
    """The runner's own."""
    home: str
    uid: int
    user: str
    options: tuple[tuple[str, str], ...]
    way: str | None
    """In which of its own ways a job is cancelled on trial; None: it has none."""
    tried: bool
    """Whether another instance of it has come through its trial."""
    places: tuple[str, ...]
    """Folders in which a job can leave something: emptied between two cells."""
    kept: frozenset[str]
    """But for these folders themselves, which are emptied too."""

    def bring(self) -> Callable[[socket.socket, Orders], NoReturn]:
        """Import all that drives it; returns what then runs in the sandbox."""
        from aftercancel.runners import registry, steward
        from aftercancel.runners.ground import Ground

        kind = registry.kind(self.adapter)
        ground = Ground(
            program=Path(self.program),
            version=self.version,
            folder=Path(self.folder),
            home=Path(self.home),
            uid=self.uid,
            user=self.user,
        )
        return lambda control, _: steward.serve(control, self, kind, ground)


def bring_all() -> None:
    """Import what drives any runner; it is kept, so the second call takes no time."""
    from aftercancel.runners import registry, steward

    del steward
    for name in registry.NAMES:
        registry.kind(name)


@dataclass(frozen=True, slots=True)
class Task:
    """One cell as the steward needs it."""

    work: Work
    files: tuple[File, ...] = ()
    sudoers: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    queued: int = 0
    """How many further jobs wait behind it."""
