"""What an ordinary user's sandboxes are made of: a user namespace with one user in it.

An unprivileged process may map one user alone, its own (user_namespaces(7)): it becomes ``ci``, in
every slot. root is not mapped, so what belongs to it belongs to nobody there, and set-user-ID
programs do not become it.

An overlay of / cannot be had: what is mounted below it is locked to it in the new mount namespace,
and overlayfs takes no folder with a locked mount in it (fs/namespace.c, ``clone_private_mount``).
So a cell's root is an overlay of the lab's own layers, /etc among them as a copy, and the rest of
the system is bound into it, read-only. Device nodes are the host's, bound too: nobody else may
make some (mknod(2)).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import stat
from pathlib import Path

from aftercancel.executor import linux, rootfs
from aftercancel.executor.rootfs import FIRST_UID, Layers

_COPIED = "etc"
_TAKEN_APART = "var"
"""Some of it is hidden, so its folders are bound, not the whole."""
_LARGEST_COPIED = 1 << 20
_LOCKED = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC
"""What a mount keeps when it is remounted; statvfs(3) has mount(2)'s numbers for them."""
CAREFUL = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
_NOT_OF_SYS = frozenset({"kernel", "fs", "firmware"})
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")


def become_alone() -> None:
    """Go on in a child with all rights in namespaces of its own, the only user, ``FIRST_UID``.

    The child is PID 1 of a PID namespace: who forks sandboxes must come back to its own one each
    time, and may do so only where that belongs to its user namespace (setns(2)). The caller waits
    for it, and takes its exit status; if the caller is killed, everybody is. Raises ``OSError``.

    The caller has one thread, and the child executes nothing: execve(2) would take its rights.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    leave()
    lifeline, held = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(lifeline)
        os.close(1)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
    linux.die_with_parent(signal.SIGKILL)
    os.close(held)
    if dict(_poll(lifeline)):  # it died before that call
        os._exit(72)
    os.close(lifeline)
    linux.mount("proc", "/proc", "proc", CAREFUL)


def _poll(fd: int) -> list[tuple[int, int]]:
    poll = select.poll()
    poll.register(fd, 0)  # its end alone
    return poll.poll(0)


def leave() -> None:
    """Enter a user, a mount and a PID namespace of our own; in the last only children are."""
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER)
    # The group may be mapped by a process that cannot leave groups any more (user_namespaces(7)).
    for file, text in (
        ("uid_map", f"{FIRST_UID} {uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{FIRST_UID} {gid} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(text)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID)
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)


def build(scratch: Path) -> Layers:
    """Make the layers below ``scratch``, a fresh tmpfs of the caller's mount namespace."""
    layers = rootfs.prepared(scratch, parts=_parts(), only_user=FIRST_UID)
    _copy_etc(layers.base / _COPIED)
    rootfs.write_etc(layers)
    for folder in ("/", f"/{_TAKEN_APART}"):
        for name in os.listdir(folder):
            place = Path(folder, name)
            if place.is_symlink():
                with contextlib.suppress(FileExistsError):
                    (layers.base / str(place).lstrip("/")).symlink_to(os.readlink(place))
    for part in layers.parts:
        for top in (layers.base, layers.system):
            _point(part, top / part.lstrip("/"))
        _bind_read_only(part, layers.system / part.lstrip("/"), layers.empty)
    _bind_sys(layers)
    for folder, _, _ in os.walk(layers.base):
        _take_from_owner(folder)
    return layers


def _take_from_owner(folder: str) -> None:
    """What would be root's is ``ci``'s here: at least it cannot be written by chance.

    The sandbox's PID 1 still writes (CAP_DAC_OVERRIDE); a job would have to change the mode.
    """
    mode = os.stat(folder).st_mode
    if not mode & stat.S_ISVTX:
        os.chmod(folder, stat.S_IMODE(mode) & ~0o222)


def _parts() -> tuple[str, ...]:
    """What of the host's system is seen, each whole: all that the lab does not hide."""
    apart = (_COPIED, _TAKEN_APART)
    folders = [f"/{name}" for name in os.listdir("/") if name not in apart]
    folders += [f"/{_TAKEN_APART}/{name}" for name in os.listdir(f"/{_TAKEN_APART}")]
    seen = [
        folder
        for folder in folders
        if os.path.isdir(folder) and not os.path.islink(folder) and not rootfs.is_hidden(folder)
    ]
    return (*sorted(seen), *(f"/dev/{name}" for name in _DEVICES))


def _point(source: str, target: Path) -> None:
    """Something to mount on."""
    if os.path.isdir(source):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def _bind_read_only(source: str, target: Path, empty: Path) -> None:
    """With what is mounted below it, all read-only: some of it may be the user's own.

    What cannot be made read-only is hidden.
    """
    linux.bind(source, str(target), recursive=True)
    if not os.path.isdir(source):
        return
    for place in rootfs.mounted_below(str(target)):
        try:
            flags = os.statvfs(place).f_flag & _LOCKED
            linux.mount("", place, "", linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | flags)
        except OSError:
            with contextlib.suppress(OSError):  # not even seen, so not reached either
                linux.bind_read_only(str(empty), place)


def _bind_sys(layers: Layers) -> None:
    """A sysfs of our own belongs to a network namespace, and the executor has none."""
    for name in sorted(set(os.listdir("/sys")) - _NOT_OF_SYS):
        if os.path.isdir(f"/sys/{name}"):
            _point(f"/sys/{name}", layers.sys / name)
            _bind_read_only(f"/sys/{name}", layers.sys / name, layers.empty)


def _copy_etc(target: Path) -> None:
    """What this user may read of it."""
    for folder, names, files in os.walk(f"/{_COPIED}"):
        inner = target / os.path.relpath(folder, f"/{_COPIED}")
        if rootfs.is_hidden(folder):
            names.clear()
            continue
        inner.mkdir(parents=True, exist_ok=True)
        for name in (*names, *files):
            source = Path(folder, name)
            with contextlib.suppress(OSError):
                if source.is_symlink():
                    (inner / name).symlink_to(os.readlink(source))
                elif source.is_file() and source.stat().st_size <= _LARGEST_COPIED:
                    shutil.copyfile(source, inner / name)
                    shutil.copymode(source, inner / name)
