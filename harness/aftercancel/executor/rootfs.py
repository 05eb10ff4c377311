"""The file system that a cell sees: the host's, copy-on-write, with a few folders of its own.

Built once for each executor, in its own mount namespace:

- ``base``: an overlay layer that hides the host's /dev, /home, /root, /run, /tmp and the like
  (``trusted.overlay.opaque``, Documentation/filesystems/overlayfs.rst) and has harmless device
  nodes, a sudoers file and the lab's own folder;
- one layer for each slot, with the user ``ci`` under the slot's own number.

Each cell then mounts one overlay of slot, base and host below a fresh tmpfs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aftercancel.executor import linux

USER = "ci"
HOME = "/home/ci"
LAB = "/lab"
MARKS = "/lab/marks"
WORKPLACE = "/lab/work"
"""Where a user's own folder is seen."""
EMPTY = "/lab/empty"
"""A folder that stays empty, to hide others behind."""
STATE = "/lab/state"
"""Where a launcher may keep what is not looked at afterwards, as a cache."""
PROGRAMS = "/lab/programs"
"""Where a real runner's program is seen."""
FIRST_UID = 60_706
"""The first of the numbers that nobody hands out (60706 to 61183, systemd.io/UIDS-GIDS); one for
each slot."""
SLOTS = 61_184 - FIRST_UID
"""How many cells one executor can have in flight."""

TTY_GROUP = 5
"""Debian's group tty, which owns what devpts makes."""
_HIDDEN = {
    "dev": 0o755,
    "home": 0o755,
    "media": 0o755,
    "mnt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    # What engines on this machine keep, with the mounts of every container that runs.
    "var/lib/containerd": 0o711,
    "var/lib/containers": 0o711,
    "var/lib/docker": 0o711,
    "var/lib/kubelet": 0o711,
    "var/tmp": 0o1777,
    "var/spool": 0o755,
    "etc/sudoers.d": 0o755,
    "etc/ssh": 0o755,
}
_NODES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_SYSTEM = (
    "/bin",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/opt",
    "/sbin",
    "/usr",
    "/var",
)
_PSEUDO = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
    ]
)
"""File systems that hold no programs."""
_SUDOERS = """\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
# What container engines mask or make read-only (the OCI default of moby's oci/defaults.go).
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MASKED_SYS = (
    "firmware",
    "devices/virtual/powercap",
    "kernel/debug",
    "kernel/tracing",
    "fs/cgroup",
)


@dataclass(frozen=True, slots=True)
class Layers:
    """What a cell's overlay is made of; paths are those of the executor's mount namespace."""

    scratch: Path
    """A tmpfs of the executor's own."""
    submounts: tuple[str, ...]
    """Other file systems of the host's that belong to the system, as /usr on its own disk."""
    masked_folders: tuple[str, ...]
    masked_files: tuple[str, ...]
    read_only: tuple[str, ...]
    """What this kernel has of the places in /proc that a job must not see or write."""
    parts: tuple[str, ...] = ()
    """In an ordinary user's namespace: what is seen of the host's system, below ``system``. Empty:
    / itself is the lowest layer."""
    only_user: int | None = None
    """In an ordinary user's namespace: the one user that there is, in every slot."""

    @property
    def cell(self) -> Path:
        """Where a cell mounts its own tmpfs; each does so in its own mount namespace."""
        return self.scratch / "cell"

    @property
    def base(self) -> Path:
        return self.scratch / "base"

    @property
    def system(self) -> Path:
        return self.scratch / "system"

    @property
    def sys(self) -> Path:
        return self.scratch / "sys"

    @property
    def keys(self) -> Path:
        """Over all others where a cell has another host (``serving``)."""
        return self.scratch / "keys"

    @property
    def empty(self) -> Path:
        return self.scratch / "empty"

    @property
    def tracing(self) -> Path:
        return self.scratch / "tracing"

    def slot(self, number: int) -> Path:
        return self.scratch / f"slot-{number}"


def build(scratch: Path) -> Layers:
    """Make the layers below ``scratch``, a fresh tmpfs."""
    layers = prepared(scratch, _system_mounts())
    for name in _HIDDEN:
        os.setxattr(layers.base / name, "trusted.overlay.opaque", b"y")
    for name, minor in _NODES.items():
        _node(layers.base / "dev" / name, os.makedev(1, minor))
    _node(layers.base / "dev/tty", os.makedev(5, 0))
    write_etc(layers)
    _mount_sys(layers)
    return layers


def prepared(
    scratch: Path,
    submounts: tuple[str, ...] = (),
    parts: tuple[str, ...] = (),
    only_user: int | None = None,
) -> Layers:
    """The folders of the layers, without what takes rights to make."""
    layers = Layers(
        scratch,
        submounts=submounts,
        masked_folders=tuple(place for place in MASKED if os.path.isdir(place)),
        masked_files=tuple(
            # A container engine has put a device over some of them; ours are not masked by that.
            place
            for place in MASKED
            if os.path.exists(place) and not os.path.isdir(place)
        ),
        read_only=tuple(place for place in READ_ONLY if os.path.exists(place)),
        parts=parts,
        only_user=only_user,
    )
    for folder in (layers.cell, layers.base, layers.sys, layers.empty, layers.keys):
        folder.mkdir()
    for name, mode in _HIDDEN.items():
        _folder(layers.base / name, mode)
    for name, target in _LINKS.items():
        (layers.base / "dev" / name).symlink_to(target)
    (layers.base / "dev/pts").mkdir()
    _folder(layers.base / "dev/shm", 0o1777)
    _folder(layers.base / "run/lock", 0o1777)
    _folder(layers.base / "run/sudo", 0o711)
    _folder(layers.base / "run/sshd", 0o755)
    _folder(layers.base / "lab", 0o755)
    _folder(layers.base / "lab/empty", 0o555)
    _folder(layers.base / "lab/state", 0o1777)
    (layers.base / "lab/marks").touch()
    return layers


def write_etc(layers: Layers) -> None:
    """What the lab has of its own in /etc."""
    _file(layers.base / "etc/sudoers", _SUDOERS, 0o440)
    _file(layers.base / "etc/hostname", "aftercancel\n")
    _file(layers.base / "etc/hosts", "127.0.0.1 localhost aftercancel\n::1 localhost\n")


def build_slot(layers: Layers, number: int) -> int:
    """The layer with the user ``ci`` of one slot; returns the user's number."""
    uid = FIRST_UID + number if layers.only_user is None else layers.only_user
    top = layers.slot(number)
    top.mkdir()
    _file(top / "etc/passwd", _with_line("/etc/passwd", f"{USER}:x:{uid}:{uid}::{HOME}:/bin/sh"))
    _file(top / "etc/group", _with_line("/etc/group", f"{USER}:x:{uid}:"))
    _file(top / "etc/shadow", _with_line("/etc/shadow", f"{USER}:*:19000:0:99999:7:::"), 0o640)
    home = top / HOME.lstrip("/")
    _folder(home, 0o755)
    os.chown(home, uid, uid)
    if layers.only_user is not None:
        # It is the owner of these too, which others than root do not write.
        for folder in (top / "etc", home.parent):
            folder.chmod(0o555)
    return uid


def _folder(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)


def _file(file: Path, text: str, mode: int = 0o644) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.fsencode(text))
    file.chmod(mode)


def _node(path: Path, device: int) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, device)
    path.chmod(0o666)


def _with_line(file: str, line: str) -> str:
    """The host's file with one entry of ours instead of one of the same name."""
    name = line.split(":", 1)[0] + ":"
    try:
        lines = os.fsdecode(Path(file).read_bytes()).splitlines()
    except OSError:
        lines = []
    return "\n".join([*(old for old in lines if not old.startswith(name)), line]) + "\n"


def _mount_sys(layers: Layers) -> None:
    """One masked, read-only /sys for all cells, since nothing in it is a cell's own."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("sysfs", str(layers.sys), "sysfs", flags | linux.MS_RDONLY)
    for name in _MASKED_SYS:
        if (layers.sys / name).is_dir():
            linux.bind_read_only(str(layers.empty), str(layers.sys / name))


def _system_mounts() -> tuple[str, ...]:
    """Folders of the system that are file systems of their own, which an overlay of / lacks."""
    found = {
        where
        for where, kind in _mounts()
        if _is_below(where, _SYSTEM)
        and not is_hidden(where)
        and kind not in _PSEUDO
        and os.path.isdir(where)
    }
    return tuple(sorted(found))


def mounted_below(place: str) -> tuple[str, ...]:
    """What is mounted at it and below it in our mount namespace, the outermost first."""
    return tuple(sorted({where for where, _ in _mounts() if _is_below(where, (place,))}))


def is_hidden(place: str) -> bool:
    """Whether no job sees what the host has there."""
    return _is_below(place, tuple(f"/{name}" for name in _HIDDEN))


def _mounts() -> Iterator[tuple[str, str]]:
    """Where, and what kind of file system."""
    for line in os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).splitlines():
        words = line.split()
        # proc(5): white space and backslashes stand as octal numbers.
        where = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[4])
        yield where, words[words.index("-") + 1]


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)
