"""What a cell may use of the machine: processes, memory, written bytes.

Resource limits hold for the unprivileged user, whose number is the cell's slot's own, so that
RLIMIT_NPROC counts one cell (setrlimit(2)). Root inside the sandbox is not held by them; a control
group is (pids and memory controllers, v1 or v2). Where no group can be made, ``doctor`` says so.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

PROCESSES = 200
MEMORY_BYTES = 512 << 20
WRITTEN_BYTES = 64 << 20
FILES = 16_384
"""Files, directories and links that a cell may create."""
_ROOMY = 4
"""How many times as much memory and written bytes a real runner (a JVM, say) may use."""

_PER_USER_PROCESSES = 256
_V1 = ("pids", "memory")
"""Hierarchies of cgroups(7) version 1 in which every cell has a group."""
_V1_OF_ENGINES = ("devices", "freezer")
"""Those in which a container engine insists on making groups of its own as well."""
HIERARCHIES = (*_V1, *_V1_OF_ENGINES)
"""All of version 1 in which a run may have groups."""
_COUNTERS = (
    ("pids.events", "processes", b"max"),
    ("memory.events", "memory", b"oom_kill"),
    ("memory.oom_control", "memory", b"oom_kill"),
)
"""File, limit, and the line that counts how often it was met; v2's and v1's."""
_CGROUP_ROOT = Path("/sys/fs/cgroup")


def written_bytes(*, roomy: bool) -> int:
    """What may be written in one sandbox; ``roomy``: with a real runner in it."""
    return WRITTEN_BYTES * _ROOMY if roomy else WRITTEN_BYTES


def apply_resource_limits(*, in_group: bool, roomy: bool = False) -> None:
    """For the calling process and all below it.

    RLIMIT_NPROC counts a user's processes on the whole machine, those of another executor's cells
    in the same slot too; where a control group counts better it is only the last resort.
    """
    for kind, value in (
        (resource.RLIMIT_NPROC, 64 * PROCESSES if in_group else _PER_USER_PROCESSES),
        (resource.RLIMIT_FSIZE, WRITTEN_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, 2 * MEMORY_BYTES * (_ROOMY if roomy else 1)),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_MEMLOCK, 8 << 20),
        (resource.RLIMIT_MSGQUEUE, 1 << 20),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


def be_killed_first() -> None:
    """When memory runs out, a job goes before the lab and before anything of the host's."""
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    try:
        os.write(fd, b"1000")
    finally:
        os.close(fd)


class Group:
    """One slot's control groups: a folder in each hierarchy (v1), or one folder (v2)."""

    def __init__(self, folders: tuple[Path, ...], hierarchies: tuple[str, ...] = ()) -> None:
        self.hierarchies = hierarchies
        """Of version 1, one for each folder; empty: version 2."""
        self._folders = folders
        # Kept open: they are read after every cell.
        self._entries = tuple(
            os.open(folder / "cgroup.procs", os.O_RDWR | os.O_CLOEXEC) for folder in folders
        )
        self._counters = tuple(
            (os.open(folder / file, os.O_RDONLY | os.O_CLOEXEC), limit, key)
            for folder in folders
            for file, limit, key in _COUNTERS
            if (folder / file).exists()
        )
        self._seen = self._counts()

    @property
    def descriptors(self) -> frozenset[int]:
        return frozenset(self._entries)

    def enter(self) -> None:
        """Move the calling process in (0 is "myself", cgroups(7))."""
        for entry in self._entries:
            os.write(entry, b"0")

    def clear(self) -> None:
        """Remove the groups that a container engine has made in it, when all is over.

        Version 2 takes nobody into a group that hands controllers on (cgroups(7), "no internal
        processes"), so that is taken back.
        """
        for folder in self._folders:
            inner = [place for place, _, _ in os.walk(folder, topdown=False)][:-1]
            for place in inner:
                with contextlib.suppress(OSError):
                    os.rmdir(place)
            if inner and not self.hierarchies:
                (folder / "cgroup.subtree_control").write_text("-pids -memory")

    def processes(self) -> tuple[int, ...]:
        """Who is in it."""
        return tuple(int(p) for p in os.pread(self._entries[0], 65_536, 0).split())

    def limits_met(self) -> tuple[str, ...]:
        """Which limits were met since this was last asked."""
        before, self._seen = self._seen, self._counts()
        return tuple(sorted(limit for limit in before if self._seen[limit] > before[limit]))

    def _counts(self) -> dict[str, int]:
        counts = {"processes": 0, "memory": 0}
        for fd, limit, key in self._counters:
            for line in os.pread(fd, 4096, 0).splitlines():
                if line.split()[0] == key:
                    counts[limit] += int(line.split()[1])
        return counts


class Groups:
    """The run's control groups, made and removed by the warden; empty where there are none."""

    def __init__(self, name: str, root: Path = _CGROUP_ROOT) -> None:
        self._root = root
        self._name = name
        self._tops: tuple[Path, ...] = ()

    def make(self) -> None:
        """Make them where this machine lets us; ``available`` says whether it did."""
        try:
            self._tops = self._make()
        except OSError:
            self.remove()

    def slot(self, number: int, *, roomy: bool = False, engine: bool = False) -> Group | None:
        """The group of one slot; None where the machine lets us make none.

        ``engine``: with what a container engine needs, whose threads count as processes too.
        """
        if not self._tops:
            return None
        tops = self._tops if engine or self._unified() else self._tops[: len(_V1)]
        folders = tuple(top / str(number) for top in tops)
        memory = MEMORY_BYTES * (_ROOMY if roomy else 1)
        for folder in folders:
            folder.mkdir(exist_ok=True)
            for file, value in (
                ("pids.max", PROCESSES * (_ROOMY if engine else 1)),
                ("memory.max", memory),
                ("memory.limit_in_bytes", memory),
                ("memory.swap.max", 0),
                ("memory.memsw.limit_in_bytes", memory),
            ):
                if (folder / file).exists():
                    (folder / file).write_text(str(value))
        return Group(folders, () if self._unified() else tuple(top.parent.name for top in tops))

    @property
    def available(self) -> bool:
        """Whether this machine lets us make any."""
        return bool(self._tops)

    def await_empty(self, deadline_s: float = 10.0) -> None:
        """Until no cell's process is there any more, or the deadline."""
        until = time.monotonic() + deadline_s
        while self._occupied() and time.monotonic() < until:
            time.sleep(0.01)

    def _occupied(self) -> bool:
        return any(file.read_text() for top in self._tops for file in top.rglob("cgroup.procs"))

    def remove(self) -> None:
        """Idempotent; rmdir(2) refuses a group that still has a process."""
        for top in self._places():
            with contextlib.suppress(FileNotFoundError):
                # From the bottom: nothing says that a job made none of its own.
                for folder, _, _ in os.walk(top, topdown=False):
                    os.rmdir(folder)
        self._tops = ()

    def _places(self) -> tuple[Path, ...]:
        if self._unified():
            return (self._root / self._name,)
        kinds = [kind for kind in _V1_OF_ENGINES if (self._root / kind / "cgroup.procs").exists()]
        return tuple(self._root / kind / self._name for kind in (*_V1, *kinds))

    def _unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    def _make(self) -> tuple[Path, ...]:
        places = self._places()
        for place in places:
            # Nothing is made where a hierarchy is not mounted: the parent must be a cgroup.
            if not (place.parent / "cgroup.procs").exists():
                return ()
        for place in places:
            place.mkdir(exist_ok=True)
        if self._unified():
            (places[0] / "cgroup.subtree_control").write_text("+pids +memory")
        return places
