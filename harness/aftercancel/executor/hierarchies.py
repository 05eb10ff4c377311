"""Control groups inside a container: its own, which the engine shows read-only, made writable.

A container engine mounts the container's own groups below /sys/fs/cgroup, so that its root is the
container's group and nothing above it is seen (docker-run(1), ``--cgroupns``). They are read-only,
but not for who may mount, in a mount namespace of his own. What is made below them goes with the
container at the latest.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from aftercancel.executor import linux

ROOT = Path("/sys/fs/cgroup")
_CAREFUL = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
_LEAF = "aftercancel"
"""Where our own processes stand in version 2; no run's name begins so."""
_CONTROLLERS = "+pids +memory"


def make_writable(root: Path = ROOT) -> None:
    """In the calling process's mount namespace; changes nothing where they are writable already.

    Where it cannot be done nothing is said: ``limits.Groups`` then makes none, and says so.
    """
    for place in _read_only(root):
        with contextlib.suppress(OSError):
            linux.mount("", str(place), "", linux.MS_BIND | linux.MS_REMOUNT | _CAREFUL)
    if (root / "cgroup.controllers").exists():
        with contextlib.suppress(OSError):
            step_aside(root)


def _read_only(root: Path) -> Iterator[Path]:
    """The hierarchies that we could not make a group in."""
    unified = (root / "cgroup.controllers").exists()
    for place in (root,) if unified else sorted(root.glob("*")):
        if (place / "cgroup.procs").exists() and not place.is_symlink() and _is_read_only(place):
            yield place


def _is_read_only(place: Path) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def step_aside(root: Path) -> None:
    """Version 2: move everybody in a container's own group into a group below it.

    A group hands controllers on only where no process is in it, but for the first one of all,
    which has no type (cgroups(7), "no internal processes"; "cgroup.type").
    """
    if not (root / "cgroup.type").exists():
        return
    handed_on = root / "cgroup.subtree_control"
    if {"pids", "memory"} <= set(handed_on.read_text().split()):
        return
    leaf = root / _LEAF
    leaf.mkdir(exist_ok=True)
    for process in (root / "cgroup.procs").read_text().split():
        # Who has ended meanwhile cannot be moved, and need not be.
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(process)
    handed_on.write_text(_CONTROLLERS)
