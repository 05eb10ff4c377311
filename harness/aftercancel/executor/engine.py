"""A container engine of the sandbox's own, started by its PID 1.

The engine of the machine is never asked: its containers are not descendants of ours, so the trace
would not follow them, and nobody may restart it. Ours dies with the sandbox, and all its
containers with it.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import assert_never

from aftercancel.executor import dockerd, engine_processes, linux
from aftercancel.executor.engine_processes import EngineError, last_words
from aftercancel.executor.limits import Group, written_bytes
from aftercancel.executor.rootfs import Layers
from aftercancel.model import EngineKind

_CAREFUL = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
_PODMAN = "/var/lib/containers"
_PODMAN_RUNS = "/run/containers"
"""Where podman lays the upper layer of what is given to it as a root file system."""
_OF_PODMAN = frozenset(
    {
        *(f"{_PODMAN_RUNS}/", "/run/crun/", "/run/libpod/", "/run/netns/", "/run/runc/"),
        *("/dev/shm/libpod_lock", "/run/lock/subsys/", "/run/systemd/"),
    }
)


@dataclass(frozen=True, slots=True)
class Engine:
    """What a sandbox needs of an engine."""

    kind: EngineKind
    before: tuple[str, ...] = ()
    """A command that root runs when the engine is up, before the runner starts; empty: none."""

    @property
    def data(self) -> str:
        """Where it keeps everything: a tmpfs."""
        match self.kind:
            case EngineKind.DOCKER:
                return dockerd.DATA
            case EngineKind.PODMAN:
                return _PODMAN
            case _:
                assert_never(self.kind)

    @property
    def running(self) -> frozenset[str]:
        """What it has in places where a job could leave something; folders end in a slash."""
        match self.kind:
            case EngineKind.DOCKER:
                return dockerd.RUNNING
            case EngineKind.PODMAN:
                return _OF_PODMAN
            case _:
                assert_never(self.kind)

    @property
    def started(self) -> int:
        """How many processes PID 1 starts for it before the runner."""
        has_daemon = self.kind is EngineKind.DOCKER
        return int(has_daemon) + int(bool(self.before))

    @property
    def by_runner(self) -> bool:
        """Whether the runner's own programs make containers, and so need every right of root's."""
        return self.kind is EngineKind.PODMAN


def mount(engine: Engine, layers: Layers, slot: int, root: str, group: Group | None) -> None:
    """A place for its data, what its image is made of, and the control groups below ours.

    ``root``: the sandbox's, before it is anybody's.
    """
    if group is None:
        raise OSError(errno.ENOTSUP, "a container engine needs control groups")
    size = written_bytes(roomy=True)
    linux.mount("tmpfs", root + engine.data, "tmpfs", 0, f"size={size},mode=711")
    sources = ("/", str(layers.base), str(layers.slot(slot)))
    match engine.kind:
        case EngineKind.DOCKER:
            for source, place in zip(sources, dockerd.BELOW_IMAGE, strict=True):
                os.mkdir(root + place)
                linux.bind_read_only(source, root + place)
        case EngineKind.PODMAN:
            os.mkdir(f"{root}{_PODMAN}/lower")
            lower = ":".join(reversed(sources))
            options = f"lowerdir={lower}"
            linux.mount("overlay", f"{root}{_PODMAN}/lower", "overlay", linux.MS_RDONLY, options)
            os.mkdir(root + _PODMAN_RUNS)
            linux.mount("tmpfs", root + _PODMAN_RUNS, "tmpfs", 0, f"size={size},mode=711")
        case _:
            assert_never(engine.kind)
    _mount_groups(f"{root}/sys/fs/cgroup", group)


def _mount_groups(place: str, group: Group) -> None:
    if not group.hierarchies:
        linux.mount("cgroup2", place, "cgroup2", _CAREFUL)
        # Nobody may stay where controllers are handed on from (cgroups(7)).
        os.mkdir(f"{place}/host")
        _write(f"{place}/host/cgroup.procs", b"0")
        _write(f"{place}/cgroup.subtree_control", b"+pids +memory")
        return
    linux.mount("tmpfs", place, "tmpfs", _CAREFUL, "size=64k,mode=755")
    for kind in group.hierarchies:
        os.mkdir(f"{place}/{kind}")
        linux.mount("cgroup", f"{place}/{kind}", "cgroup", _CAREFUL, kind)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def start(engine: Engine) -> None:
    """Until it can be used. Called inside the sandbox's root.

    Raises ``EngineError`` or ``OSError``.
    """
    match engine.kind:
        case EngineKind.DOCKER:
            dockerd.start()
        case EngineKind.PODMAN:
            pass
        case _:
            assert_never(engine.kind)
    if engine.before:
        pid = engine_processes.run(engine.before, engine.data)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            said = last_words(engine.data)
            raise EngineError(f"{' '.join(engine.before)} ended with {status}; last words: {said}")


def run(engine: Engine, command: list[str]) -> None:
    """Have root start a command; what becomes of it shows by itself. Raises ``OSError``."""
    engine_processes.run(tuple(command), engine.data)


def restart(engine: Engine) -> None:
    """As a service manager restarts it. Raises ``OSError``, also where there is no daemon."""
    match engine.kind:
        case EngineKind.DOCKER:
            dockerd.restart()
        case EngineKind.PODMAN:
            raise OSError(errno.EOPNOTSUPP, "podman has no daemon")
        case _:
            assert_never(engine.kind)
