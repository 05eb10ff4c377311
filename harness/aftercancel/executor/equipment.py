"""What a cell is given by its executor: what is its own for a while, and what all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aftercancel.executor.limits import Group
from aftercancel.executor.names import AskedNow, Names
from aftercancel.executor.sandbox import Spawner
from aftercancel.executor.watcher import Watcher


@dataclass(frozen=True, slots=True)
class Slot:
    """What a cell borrows from the executor while it is in flight."""

    number: int
    uid: int
    group: Group | None


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all cells of an executor share."""

    zygote: Spawner
    watcher: Watcher
    marker: Path | None
    """The trace's marker; None: marks go through a FIFO."""
    settle_s: float
    arming: asyncio.Semaphore
    """How many cells may be between arranging and armed at once."""
    arming_engines: asyncio.Semaphore
    """The same of those with a container engine, which takes a second of processor time."""
    arming_standing: asyncio.Semaphore
    """The same of those that a real runner is given: they wait for the runner most of that time."""
    keys: Callable[[], str]
    """Makes the keys for other hosts, once; returns the user's public one."""
    names: Names = field(default_factory=AskedNow)
    environment: Mapping[str, str] = field(default_factory=dict)
    """The image's own variables, for every job; empty on a machine."""
    late: set[tuple[str, int]] = field(default_factory=set)
    """Cells and attempts whose events came too late to ask who their processes were."""
